"""An animal that can be told where keypoints are: markers ride on its surface while the embedded quadruped learns."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.methods.magicpony.losses.keypoint_distance import keypoints
from models.methods.magicpony.losses.surface_distance import surface
from models.methods.magicpony.model import Animal
from models.methods.magicpony.terms import Step
from models.truth.barnyard.rig import KEYPOINTS

PLACES = {
    "nose": (0.0, 0.4, 1.9),
    "eye": (0.15, 0.6, 1.6),
    "ear": (0.2, 0.8, 1.4),
    "throat": (0.0, 0.3, 1.3),
    "withers": (0.0, 0.7, 0.8),
    "tail_base": (0.0, 0.6, -1.3),
    "knee": (0.3, -0.7, 0.8),
    "hock": (0.3, -0.7, -1.0),
    "fore_hoof": (0.3, -1.4, 0.8),
    "hind_hoof": (0.3, -1.4, -1.0),
}
"""About where the keypoints of the left side begin, object frame; training finds their places."""


class Marked(Animal):
    """An animal with a marker for each of `rig.KEYPOINTS`; they are thrown away after the training."""

    def __init__(self, animal: Animal) -> None:
        """Starts as a copy of `animal`."""
        super().__init__(animal.config, animal.skeleton, animal.tokens.vit)
        self.load_state_dict(animal.state_dict())
        self.markers = nn.Parameter(torch.tensor([_place(name) for name in KEYPOINTS]))

    def error(self, step: Step) -> Float[Tensor, ""]:
        """How far the markers are from the known keypoints."""
        found = step.prediction
        return keypoints(self.markers, found.prior, found.mesh, found.camera, step.batch)

    def distance(self, step: Step) -> Float[Tensor, ""]:
        """How far the surface is from the known one."""
        found = step.prediction
        return surface(self.markers, found.prior, found.mesh, found.camera, step.batch, step.generator)

    def unmarked(self, into: Animal) -> Animal:
        """Its weights in a plain animal."""
        state = self.state_dict()
        into.load_state_dict({name: state[name] for name in into.state_dict()})
        return into


def _place(name: str) -> tuple[float, float, float]:
    side, _, rest = name.partition("_")
    x, y, z = PLACES[rest if side in ("left", "right") else name]
    return (-x if side == "right" else x), y, z
