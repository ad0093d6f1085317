"""Surface keypoints of the animal model: learnt points that move with the surface, supervised by known keypoints."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.methods.magicpony.losses.keypoint_distance import keypoint_distance
from models.methods.magicpony.losses.surface_distance import surface_distance
from models.methods.magicpony.model import Animal
from models.methods.magicpony.terms import Step
from models.truth.barnyard.rig import KEYPOINTS

INITIAL = {
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
"""Where the markers of the left side and of the middle begin, object frame; training moves them."""


class KeypointAnimal(Animal):
    """An animal whose markers learn, one for each of `rig.KEYPOINTS`; `finish` gives a plain one."""

    def __init__(self, animal: Animal) -> None:
        """Starts as a copy of `animal`."""
        plain = animal.config.model_copy(update={"keypoints": ()})
        super().__init__(plain, animal.skeleton, animal.tokens.vit)
        state = animal.state_dict()
        self.load_state_dict({name: state[name] for name in self.state_dict()})
        self.markers = nn.Parameter(torch.tensor([_initial(name) for name in KEYPOINTS]))

    def keypoint_loss(self, step: Step) -> Float[Tensor, ""]:
        """Distance of the markers from the known keypoints."""
        predicted = step.prediction
        return keypoint_distance(self.markers, predicted.prior, predicted.mesh, predicted.camera, step.batch)

    def surface_loss(self, step: Step) -> Float[Tensor, ""]:
        """Distance of the surface from the known one."""
        predicted = step.prediction
        return surface_distance(
            self.markers, predicted.prior, predicted.mesh, predicted.camera, step.batch, step.generator
        )

    def finish(self, into: Animal) -> Animal:
        """The same weights in a plain animal, and the markers where it has these keypoints."""
        state = self.state_dict()
        into.load_state_dict({name: state[name] for name in into.state_dict()})
        return into


def _initial(name: str) -> tuple[float, float, float]:
    side, _, rest = name.partition("_")
    x, y, z = INITIAL[rest if side in ("left", "right") else name]
    return (-x if side == "right" else x), y, z
