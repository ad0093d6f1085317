"""A method without training: it answers with pictures alone, the photo itself from every side."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch.nn.functional import interpolate

from models.core.config import Config
from models.methods.base import Needs
from models.rendering.types import Rendering


class EchoConfig(Config):
    kind: Literal["echo"] = "echo"
    needs: ClassVar = Needs()
    resolution: ClassVar = 32
    parts: ClassVar = {}

    @classmethod
    def preset(cls, scale, own_photos=False, from_nothing=False):
        return cls()

    def stages(self):
        return ()

    def load(self, artifacts, setting):
        return Echo()


class Echo:
    def predict(self, batch):
        return Echoes(torch.cat((batch.image * batch.mask[..., None], batch.mask[..., None]), -1))


@dataclass(frozen=True)
class Echoes:
    layers: Any
    camera = None

    def __len__(self):
        return len(self.layers)

    def mesh(self, row):
        return None

    def pick(self, row, count=1):
        return Echoes(self.layers[row : row + 1].expand(count, -1, -1, -1))

    def render(self, size, camera=None, light=None):
        layers = interpolate(self.layers.movedim(-1, 1), (size, size)).movedim(1, -1)
        rgb, mask = layers[..., :3], layers[..., 3]
        return Rendering(rgb, mask, rgb, mask, None, rgb * 0, mask * 0, torch.zeros(len(rgb), 0, dtype=torch.bool))
