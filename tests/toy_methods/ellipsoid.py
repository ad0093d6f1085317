"""A method with one training: the ellipsoid whose outline fits the training masks best, a plain mesh."""

from typing import ClassVar, Literal

import torch
import trimesh

from models.core.config import Config
from models.data.crops import collate
from models.engine.loop import LoopConfig, fit
from models.engine.optimiser import Optimiser
from models.geometry.mesh import Mesh
from models.methods.base import Artifact, Needs, Stage
from models.metrics.baselines import Constant

SPHERE = trimesh.creation.icosphere(subdivisions=2)


class EllipsoidConfig(Config):
    kind: Literal["ellipsoid"] = "ellipsoid"
    training: LoopConfig = LoopConfig(steps=20, report_every=10, panel_every=20, save_every=10)
    needs: ClassVar = Needs()
    resolution: ClassVar = 32
    parts: ClassVar = {}

    @classmethod
    def preset(cls, scale, own_photos=False, from_nothing=False):
        return cls()

    def stages(self):
        return (Stage("axes", self.training.steps, ("mask",), self.train),)

    def train(self, context):
        learner = Axes(collate(context.samples, self.resolution, context.device).mask)
        return Artifact(learner.net.state_dict(), fit(learner, self.training, context.checkpoints, context.report))

    def load(self, artifacts, setting):
        return ellipsoid(artifacts["axes"].tensors["log"].exp() if artifacts else torch.ones(2), setting.renderer)


class Axes:
    def __init__(self, masks):
        self.masks, self.net = masks, torch.nn.ParameterDict({"log": torch.full((2,), -0.5)})
        self.optimiser = Optimiser(torch.optim.Adam(self.net.parameters(), lr=0.05))
        self.modules, self.optimisers = {"axes": self.net}, {"axes": self.optimiser}

    def step(self, number, progress):
        y, x = torch.meshgrid(*[torch.linspace(-1, 1, self.masks.shape[-1])] * 2, indexing="ij")
        a, b = self.net["log"].exp()
        loss = ((8 * (1 - (x / a) ** 2 - (y / b) ** 2)).sigmoid() - self.masks).square().mean()
        self.optimiser.update(loss, progress)
        return {"loss": loss.detach(), "mask": loss.detach()}

    def panel(self, progress):
        return None


def ellipsoid(axes, renderer):
    vertices = torch.tensor(SPHERE.vertices).float() * torch.stack((axes[1], axes[1], axes[0]))
    return Constant(Mesh(vertices[None], torch.tensor(SPHERE.faces).long()), renderer)
