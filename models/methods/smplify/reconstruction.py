"""A fitted animal as an answer: a surface with a camera, one colour, and MagicPony's bones."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.core.category import Skeleton
from models.data.batch import Batch
from models.features.keypoint_reading import KeypointReading
from models.features.vit import Vit
from models.geometry.body import ParametricBody
from models.geometry.cameras import Camera
from models.geometry.kinematics import bone_frames, euler_xyz, rodrigues
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig, bone_names
from models.methods.smplify.model import BodyFitter
from models.methods.smplify.state import FEWEST, BodyFit, Observed
from models.rendering import Renderer
from models.rendering.deferred import Surface, render
from models.rendering.types import Light, Rendering, front_light


@dataclass(frozen=True)
class SmplifyReconstructor:
    """Reads the landmarks of crops, and fits a body to them on the CPU."""

    body: ParametricBody
    fitter: BodyFitter
    reading: KeypointReading
    vit: Vit
    skeleton: Skeleton
    renderer: Renderer

    def predict(self, batch: Batch) -> "BodyReconstruction":
        """One animal per crop, in the mean colour of its mask."""
        device = self.body.template.device
        image, mask = batch.image.to(device), batch.mask.to(device)
        tokens, _ = self.vit.tokens(image)
        # A hundred numbers a photo: a GPU would wait for them.
        places, trust = (part.cpu() for part in self.reading.read(tokens))
        observed = replace(self._observe(places, trust), mask=batch.mask.cpu())
        fit = self.fitter.fit(observed).to(device)
        colour = (image * mask[..., None]).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)[:, None]
        rest = self.body.shaped(fit.shape)
        posed = self.body.posed(fit.shape, rodrigues(fit.angles)).vertices
        return BodyReconstruction(self.body, self.skeleton, self.renderer, fit, rest, posed, colour)

    def _observe(self, places: Float[Tensor, "batch keypoints 2"], trust: Float[Tensor, "batch keypoints"]) -> Observed:
        """In the body's order; where hardly anything is trusted, everything is: a guess beats no answer."""
        few = (trust > 0).sum(1) < FEWEST
        trust = torch.where(few[:, None], torch.ones_like(trust), trust)
        points = places.new_zeros(len(places), len(self.body.landmarks), 2)
        confidence = points.new_zeros(points.shape[:2])
        index = [self.body.landmarks.index(name) for name in self.reading.names]
        points[:, index], confidence[:, index] = places, trust
        return Observed(points, confidence)


@dataclass(frozen=True)
class BodyReconstruction:
    """Fitted animals: renderable, relightable, in one colour each, and rigged."""

    body: ParametricBody
    skeleton: Skeleton
    renderer: Renderer
    fit: BodyFit
    unposed: Float[Tensor, "batch vertices 3"]
    surface: Float[Tensor, "batch vertices 3"]
    colour: Float[Tensor, "batch 3"]

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.surface)

    @property
    def camera(self) -> Camera:
        """The fitted cameras."""
        return self.fit.camera

    @property
    def light(self) -> Light:
        """The same for every crop."""
        return front_light(len(self.colour), self.colour.device)

    def mesh(self, row: int) -> Mesh:
        """The posed surface of one animal."""
        return self.body.mesh(self.surface[row : row + 1])

    @torch.no_grad()
    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        """Pictures from the fitted or another camera, under the constant or another light."""
        device = self.surface.device
        light = (light or self.light).to(device)
        surface = Surface(self.body.mesh(self.surface), self.canonical()[None], self.albedo)
        return render(self.renderer, surface, (camera or self.camera).to(device), light, size)

    def canonical(self) -> Float[Tensor, "vertices 3"]:
        """The template."""
        return self.body.template

    def albedo(self, points: Float[Tensor, "points 3"], image: Int[Tensor, " points"]) -> Float[Tensor, "points 3"]:
        """The colour of the animal."""
        return self.colour[image]

    def rest(self) -> Mesh:
        """The fitted shape before its pose."""
        return self.body.mesh(self.unposed)

    @property
    def legs(self) -> int:
        """Of the category's skeleton."""
        return self.skeleton.legs

    def rig(self) -> Rig:
        """The joints as bones: each ends where its child begins, and the last goes on as far as the one before."""
        heads = self.body.joint_regressor @ self.unposed
        parents, order = self.body.parents, self._order()
        tails = [
            heads[:, parents.index(joint)] if joint in parents else 2 * heads[:, joint] - heads[:, parents[joint]]
            for joint in order
        ]
        ends = torch.stack((heads[:, order], torch.stack(tails, 1)), 2)
        return Rig(ends, tuple(order.index(parents[joint]) if parents[joint] > 0 else -1 for joint in order))

    def skin_weights(self) -> Float[Tensor, "batch vertices bones"]:
        """Those of the body; what the root carries, which turns nothing, is shared among the bones."""
        weights = self.body.weights[:, self._order()]
        return (weights / weights.sum(1, keepdim=True).clamp(min=1e-6)).expand(len(self), -1, -1)

    def angles(self) -> Float[Tensor, "batch bones 3"]:
        """The fitted turns in the bones' own frames."""
        frame = bone_frames(self.rig().ends)[..., :3, :3]
        turn = frame.mT @ rodrigues(self.fit.angles[:, self._order()]) @ frame
        y = turn[..., 0, 2].clamp(-1, 1).asin()
        x, z = torch.atan2(-turn[..., 1, 2], turn[..., 2, 2]), torch.atan2(-turn[..., 0, 1], turn[..., 0, 0])
        return torch.stack((x, y, z), -1)

    @torch.no_grad()
    def posed(self, angles: Float[Tensor, "batch bones 3"]) -> "BodyReconstruction":
        """The same animals with other bone angles."""
        frame = bone_frames(self.rig().ends)[..., :3, :3]
        turns = torch.eye(3).to(self.surface).repeat(len(self), len(self.body.joints), 1, 1)
        turns[:, self._order()] = frame @ euler_xyz(angles.to(self.surface)) @ frame.mT
        return replace(self, surface=self.body.posed(self.fit.shape, turns).vertices)

    def with_surface(self, vertices: Float[Tensor, "batch vertices 3"]) -> "BodyReconstruction":
        """The same animals with their vertices at other places."""
        return replace(self, surface=vertices.to(self.surface))

    def pick(self, row: int, count: int = 1) -> "BodyReconstruction":
        """One animal of the batch, `count` times."""

        def take(values: Tensor) -> Tensor:
            return values[row : row + 1].expand(count, *values.shape[1:])

        fit = self.fit
        picked = BodyFit(take(fit.angles), take(fit.shape), fit.camera.apply(take), take(fit.energy), take(fit.miss))
        unposed, surface, colour = (take(part) for part in (self.unposed, self.surface, self.colour))
        return replace(self, fit=picked, unposed=unposed, surface=surface, colour=colour)

    def _order(self) -> list[int]:
        """The joint of each bone."""
        return [self.body.joints.index(name) for name in bone_names(self.skeleton)]
