"""A method of two stages that are over in no time: each fits one number to how light the crops are."""

import torch
from pydantic import PrivateAttr
from torch import nn

from models.engine.loop import LoopConfig, fit
from models.engine.optimiser import Optimiser
from models.methods import MagicPonyConfig
from models.methods.base import Artifact, Stage
from tests.tasks.material import tiny_model

ROUGH, FINE = "rough", "fine"
"""In the order of the training, which is not the alphabet's."""
LOOP = LoopConfig(steps=4, report_every=2, save_every=2)


class Lightness(nn.Module):
    """The number."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(value.clone())


class Learner:
    """Brings the number nearer to the mean of one crop after the other."""

    def __init__(self, samples, value):
        self.samples, self.number = samples, Lightness(value)
        self.modules = {"number": self.number}
        self.optimisers = {"number": Optimiser(torch.optim.Adam(self.number.parameters(), lr=0.1))}

    def step(self, number, progress):
        light = torch.from_numpy(self.samples[number % len(self.samples)].image).float().mean() / 255
        loss = (self.number.value - light).square()
        self.optimisers["number"].update(loss, progress)
        return {"loss": loss.detach()}

    def panel(self, progress):
        return None


class TwoStages(MagicPonyConfig):
    """Stands under MagicPony's tag, for recipes take members of the union alone."""

    _seen: object = PrivateAttr(default=print)

    def stages(self):
        return tuple(
            Stage(name, LOOP.steps, (), lambda context, name=name: self.fit(name, context)) for name in (ROUGH, FINE)
        )

    def fit(self, name, context):
        self._seen(context)
        value = context.artifacts[ROUGH].tensors["value"] if name == FINE else torch.tensor(0.0)
        learner = Learner(context.samples, value)
        summary = fit(learner, LOOP, context.checkpoints, context.report)
        return Artifact({"value": learner.number.value}, summary)


def two_stages(vit, seen=lambda context: None):
    """A recipe of it; `seen` is told of the context of every stage that is run."""
    recipe = tiny_model(vit)
    method = TwoStages(**recipe.method.model_dump())
    method._seen = seen
    return recipe.model_copy(update={"method": method})
