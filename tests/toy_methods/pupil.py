"""A method that learns from derived columns: the mean shape that a release answered for the crops."""

from typing import ClassVar, Literal

import torch

from models.core.config import Config
from models.engine.loop import Summary
from models.geometry.mesh import Mesh
from models.methods.base import Artifact, Needs, Stage
from models.metrics.baselines import Constant


class PupilConfig(Config):
    kind: Literal["pupil"] = "pupil"
    needs: ClassVar = Needs(columns=("mesh",))
    resolution: ClassVar = 32
    parts: ClassVar = {}

    @classmethod
    def preset(cls, scale, own_photos=False, from_nothing=False):
        return cls()

    def stages(self):
        return (Stage("mean", 1, (), self.train),)

    def train(self, context):
        answers = [answer.estimate for answer in context.columns("mesh")]
        assert len(answers) == len(context.samples)
        vertices = torch.stack([torch.from_numpy(answer.vertices) for answer in answers]).mean(0)
        tensors = {"vertices": vertices, "faces": torch.from_numpy(answers[0].faces).long()}
        return Artifact(tensors, Summary(1, 0, {"loss": 0.0}))

    def load(self, artifacts, setting):
        if not artifacts:
            return Constant(Mesh(torch.eye(3)[None], torch.tensor([[0, 1, 2]])), setting.renderer)
        tensors = artifacts["mean"].tensors
        return Constant(Mesh(tensors["vertices"][None], tensors["faces"]), setting.renderer)
