"""Keypoints that the frozen ViT finds in a photo, for the animal's own to meet.

A silhouette does not say which leg is the left one, or which end is the head. A linear reading of the ViT's tokens says
it, taught on other species, and is nearer to the truth than an animal model that was taught on them too (docs/lab,
rounds 21 and 22). It teaches, has a say in which of the four viewpoints is taken, and answers are refined to it.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.core.errors import MissingWeights
from models.data.batch import Batch
from models.data.crops import Crops
from models.features.keypoint_reading import KeypointReading
from models.features.vit import Vit
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.methods.magicpony.losses.keypoint_distance import carried, rounded_distance
from models.methods.magicpony.model import Animal
from models.methods.magicpony.networks.encoder import resize_for_vit
from models.truth.barnyard.rig import opposite_keypoint

AT_ONCE = 32
"""Crops of a training set that the transformer sees at a time."""
MISFIT = 20.0
"""What a mean distance of 1 counts beside the viewpoints' scores, which are negative log odds."""


@dataclass(frozen=True)
class FoundKeypoints:
    """What was found in each of some crops."""

    markers: Float[Tensor, "keypoints 3"]
    """Where each keypoint is on the prior shape, object frame."""
    opposite: Int[Tensor, " keypoints"]
    """The keypoint on the other side of the mirror plane."""
    places: Float[Tensor, "crops keypoints 2"]
    """Normalised device coordinates."""
    trust: Float[Tensor, "crops keypoints"]
    """How sure the reading is, 0 to 1."""

    def of(self, batch: Batch) -> "FoundKeypoints":
        """Those of a batch of the training set in which they were found; where a crop is mirrored, they are."""
        rows, mirrored = batch.index // 2, (batch.index % 2 == 1)[:, None]
        places, trust = self.places[rows], self.trust[rows]
        other = places[:, self.opposite] * places.new_tensor((-1.0, 1.0))
        places = torch.where(mirrored[..., None], other, places)
        return replace(self, places=places, trust=torch.where(mirrored, trust[:, self.opposite], trust))

    def distance(self, prior: Float[Tensor, "vertices 3"], posed: Mesh, camera: Camera) -> Float[Tensor, " crops"]:
        """How far the animals' keypoints are from those found, in halves of the crop's width.

        A mean in which each counts by its squared trust, so it is small where the reading is unsure.
        """
        return self._distance(carried(self.markers, prior, posed), camera)

    def misfit(self, cameras: Camera) -> Float[Tensor, "crops viewpoints"]:
        """What speaks against each viewpoint of each crop, whose cameras follow one another: the unposed keypoints."""
        viewpoints = len(cameras) // len(self.places)
        each = replace(
            self,
            places=self.places.repeat_interleave(viewpoints, 0),
            trust=self.trust.repeat_interleave(viewpoints, 0),
        )
        unposed = self.markers.expand(len(cameras), -1, -1)
        return MISFIT * each._distance(unposed, cameras).view(-1, viewpoints)

    def _distance(self, keypoints: Float[Tensor, "crops keypoints 3"], camera: Camera) -> Float[Tensor, " crops"]:
        return (self.trust.square() * rounded_distance(camera.project(keypoints) - self.places)).mean(1)


@dataclass(frozen=True)
class KeypointFinder:
    """Reads keypoints, and knows where they are on an animal's prior shape."""

    markers: Float[Tensor, "keypoints 3"]
    opposite: Int[Tensor, " keypoints"]
    reading: KeypointReading
    vit: Vit
    pixels: int
    """The size at which the transformer sees a crop."""

    @classmethod
    def of(cls, animal: Animal, reading: KeypointReading, vit: Vit) -> "KeypointFinder":
        """The keypoints of the reading on this animal.

        Raises MissingWeights where the reading is of another transformer or of a keypoint that the animal lacks.
        """
        reading.check_vit(vit)
        names, known = reading.names, animal.config.keypoints
        if lacking := set(names) - set(known):
            raise MissingWeights(
                f"the keypoint reading finds {min(lacking)!r}, which is none of animal.keypoints; "
                "give `reading.model` a folder whose reading finds those, or teach the quadruped that one, too"
            )
        markers = animal.markers[[known.index(name) for name in names]].clone()
        opposite = torch.tensor([names.index(opposite_keypoint(name)) for name in names], device=markers.device)
        return cls(markers, opposite, reading, vit, animal.config.encoder.image)

    @torch.no_grad()
    def find(self, batch: Batch) -> FoundKeypoints:
        """In each crop as it is: what the encoder is shown instead is not looked at."""
        tokens, _ = self.vit.tokens(resize_for_vit(batch.image, self.pixels))
        places, trust = self.reading.read(tokens)
        return FoundKeypoints(self.markers, self.opposite, places, trust)

    def find_all(self, crops: Crops) -> FoundKeypoints:
        """In every crop of a training set, for `FoundKeypoints.of`."""
        found = [self.find(crops.batch(rows)) for rows in torch.arange(len(crops)).split(AT_ONCE)]
        places, trust = torch.cat([each.places for each in found]), torch.cat([each.trust for each in found])
        return FoundKeypoints(self.markers, self.opposite, places, trust)
