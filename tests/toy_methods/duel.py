"""A method with two trainings, the second with two optimisers: a brightness, then a forger of it against a judge."""

from typing import ClassVar, Literal

import torch

from models.core.config import Config
from models.data.crops import collate, random
from models.engine.loop import LoopConfig, fit
from models.engine.optimiser import Optimiser
from models.methods.base import Artifact, Needs, Stage
from tests.toy_methods.ellipsoid import ellipsoid

LOOP = LoopConfig(steps=12, report_every=6, panel_every=12, save_every=4)


class DuelConfig(Config):
    kind: Literal["duel"] = "duel"
    needs: ClassVar = Needs()
    resolution: ClassVar = 32
    parts: ClassVar = {}

    @classmethod
    def preset(cls, scale, own_photos=False, from_nothing=False):
        return cls()

    def stages(self):
        return (
            Stage("brightness", 12, (), lambda context: self.train(context, Fit)),
            Stage("forgery", 12, ("judge", "forger"), lambda context: self.train(context, Duel)),
        )

    def train(self, context, learner):
        pixels = collate(context.samples, self.resolution, context.device).image.mean((1, 2, 3))
        start = context.artifacts["brightness"].tensors["value"] if context.artifacts else torch.zeros(1)
        learner = learner(pixels, start)
        summary = fit(learner, LOOP, context.checkpoints, context.report, ("judge", "forger"))
        return Artifact(learner.forger.state_dict(), summary)

    def load(self, artifacts, setting):
        value = artifacts["forgery"].tensors["value"] if artifacts else torch.ones(1)
        return ellipsoid(value.abs().expand(2) + 0.1, setting.renderer)


class Fit:
    def __init__(self, pixels, start):
        self.pixels, self.forger = pixels, torch.nn.ParameterDict({"value": start.clone()})
        self.judge = torch.nn.Linear(1, 1)
        self.modules = {"forger": self.forger, "judge": self.judge}
        self.optimisers = {
            name: Optimiser(torch.optim.Adam(part.parameters(), 0.05)) for name, part in self.modules.items()
        }

    def step(self, number, progress):
        loss = (self.pixels - self.forger["value"]).square().mean()
        self.optimisers["forger"].update(loss, progress)
        return {"loss": loss.detach()}

    def panel(self, progress):
        return None


class Duel(Fit):
    def step(self, number, progress):
        noise = 0.1 * torch.randn(len(self.pixels), 1, generator=random(0, "step", number))
        real, forged = self.judge(self.pixels[:, None]), self.judge((self.forger["value"] + noise).detach())
        judge = (real - 1).square().mean() + forged.square().mean()
        self.optimisers["judge"].update(judge, progress)
        forger = (self.judge(self.forger["value"] + noise) - 1).square().mean()
        self.optimisers["forger"].update(forger, progress)
        return {"loss": (judge + forger).detach(), "judge": judge.detach(), "forger": forger.detach()}
