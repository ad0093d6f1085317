"""The fit of SMPLify (Bogo et al. 2016): a body's pose, shape and camera from the landmarks of one picture.

Nothing is trained. The camera goes first, with the body as it most often stands, from several sides; then everything
moves, in four stages of which each trusts the priors less.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, radians, tan

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

from models.core.config import Config
from models.engine.lbfgs import minimise
from models.geometry.body import ParametricBody
from models.geometry.cameras import PerspectiveCamera
from models.geometry.kinematics import rodrigues
from models.methods.smplify import terms
from models.methods.smplify.losses import SURFACE_POINTS, Silhouette, spread_points
from models.methods.smplify.state import BodyFit, Observed, check_enough, observe

BOX_PX = 320.0
"""Pixels that the longer side of the landmarks' box counts, whatever the picture's size: errors are as the paper's."""
HINGE = 0.5
"""Weight of the hinges over that of the pose. The paper's code has 3.17, beside a narrower prior: with ours that bends
every knee and elbow (docs/lab, round 15)."""


class FitStage(Config):
    """One descent; weights are squared, as in the paper's code."""

    pose: float = Field(ge=0, description="weight of the prior of the pose")
    shape: float = Field(ge=0, description="weight of the prior of the shape")
    silhouette: float = Field(
        default=0, ge=0, description="weight of the mask, where there is one; 0: landmarks and priors alone"
    )


class FitConfig(Config):
    """How a body is fitted."""

    components: int = Field(default=1, ge=0, description="Gaussians in the prior of the pose; 0: squared angles alone")
    stages: tuple[FitStage, ...] = Field(
        default=(
            FitStage(pose=404, shape=100),
            FitStage(pose=404, shape=50),
            FitStage(pose=57.4, shape=10),
            FitStage(pose=4.78, shape=5),
        ),
        description="weights of the priors, stage by stage; each stage begins where the one before ended",
    )
    iterations: int = Field(default=30, ge=1, description="steps of L-BFGS in each stage, and for the camera")
    sides: int = Field(default=8, ge=1, description="sides from which the camera starts, evenly around the body")
    starts: int = Field(default=3, ge=1, description="of those the best ones, from which everything is fitted")
    fov_deg: float = Field(default=25, gt=1, lt=120, description="field of view over the longer side of the picture")


@dataclass(frozen=True)
class BodyFitter:
    """Fits one kind of body."""

    body: ParametricBody
    """Its joints and keypoints alone (`ParametricBody.skeletal`)."""
    prior: terms.MixturePrior | terms.AnglePrior
    bends: Float[Tensor, " joints"]
    """How far the hinges are bent in the rest pose."""
    config: FitConfig
    surface: ParametricBody | None
    """`body` with points of the surface, which are its last vertices; None where no stage weighs the mask."""

    @staticmethod
    def of(body: ParametricBody, config: FitConfig | None = None) -> "BodyFitter":
        """With the prior of the body's own poses."""
        config = config or FitConfig()
        poses = body.poses[:, 1:].flatten(1)
        prior = terms.fit_prior(poses, config.components) if config.components else terms.AnglePrior()
        bones = body.skeletal()
        rest = bones.rest_joints(torch.zeros(1, bones.shapes))[0]
        weighs_masks = any(stage.silhouette for stage in config.stages)
        surface = body.skeletal(spread_points(body.template, SURFACE_POINTS)) if weighs_masks else None
        return BodyFitter(bones, prior, terms.rest_bends(rest, bones.parents, bones.hinges), config, surface)

    def observe(self, pixels: Mapping[str, tuple[float, ...]], width: float, height: float) -> Observed:
        """Landmarks of one picture by their names (`state.observe`)."""
        return observe(self.body, pixels, width, height)

    def fit(self, observed: Observed) -> BodyFit:
        """The bodies of a batch of pictures, each from its best start.

        Raises ValueError where fewer than four landmarks of a picture are known.
        """
        check_enough(observed)
        config, pictures = self.config, len(observed.points)
        problem = _Problem.of(self, observed)
        numbers = problem.starts()
        problem = problem.rows(torch.arange(pictures).repeat_interleave(config.sides))
        camera = minimise(problem.miss, numbers, config.iterations, problem.is_camera(numbers))
        chosen = _lowest(camera.energy, pictures, min(config.starts, config.sides))
        problem, numbers = problem.rows(chosen), camera.values[chosen]
        energy = camera.energy[chosen]
        for stage in config.stages:
            minimum = minimise(lambda values, at=stage: problem.energy(values, at), numbers, config.iterations)
            numbers, energy = minimum.values, minimum.energy
        chosen = _lowest(energy, pictures, 1)
        return problem.rows(chosen).result(numbers[chosen], energy[chosen])


def _lowest(energy: Float[Tensor, " rows"], pictures: int, count: int) -> Int[Tensor, " chosen"]:
    """The `count` lowest rows of each picture, whose rows lie together."""
    each = energy.view(pictures, -1)
    lowest = each.topk(count, largest=False).indices
    return (lowest + each.shape[1] * torch.arange(pictures)[:, None]).flatten()


@dataclass(frozen=True)
class _Problem:
    """Rows of numbers (angles of all joints, shape, place) and the picture that each is fitted to."""

    fitter: BodyFitter
    points: Float[Tensor, "rows landmarks 2"]
    confidence: Float[Tensor, "rows landmarks"]
    scale: Float[Tensor, " rows"]
    """Pixels, of which the box has `BOX_PX`, to a unit of normalised device coordinates."""
    silhouette: Silhouette | None

    @staticmethod
    def of(fitter: BodyFitter, observed: Observed) -> "_Problem":
        known = observed.confidence[..., None] > 0
        low = torch.where(known, observed.points, torch.inf).amin(1)
        high = torch.where(known, observed.points, -torch.inf).amax(1)
        side = (high - low).amax(1).clamp(min=1e-3)
        silhouette = Silhouette.of(observed.mask) if fitter.surface and observed.mask is not None else None
        return _Problem(fitter, observed.points, observed.confidence, BOX_PX / side, silhouette)

    def rows(self, chosen: Int[Tensor, " chosen"]) -> "_Problem":
        silhouette = self.silhouette and self.silhouette.rows(chosen)
        return _Problem(self.fitter, self.points[chosen], self.confidence[chosen], self.scale[chosen], silhouette)

    def starts(self) -> Float[Tensor, "rows numbers"]:
        """The likeliest pose from every side, as far away as its landmarks have to be; a picture's rows together."""
        body, sides, pictures = self.fitter.body, self.fitter.config.sides, len(self.points)
        numbers = torch.zeros(sides, 3 * len(body.joints) + body.shapes + 3)
        numbers[:, 3 : 3 * len(body.joints)] = self.fitter.prior.mean
        # Half a turn is the most that axis and angle should say.
        numbers[:, 1] = (2 * pi * torch.arange(sides) / sides + pi) % (2 * pi) - pi
        landmarks = self._landmarks(numbers)
        share = (self.confidence > 0) / (self.confidence > 0).sum(1, keepdim=True)
        middle = torch.einsum("pl,slx->psx", share, landmarks)
        apart = torch.einsum("pl,psl->ps", share, (landmarks - middle[:, :, None])[..., :2].square().sum(-1)).sqrt()
        seen = torch.einsum("pl,plx->px", share, self.points)
        spread = torch.einsum("pl,pl->p", share, (self.points - seen[:, None]).square().sum(-1)).sqrt().clamp(min=1e-3)
        depth = apart / spread[:, None] / self.half_width
        right, down = (self.half_width * depth * part[:, None] for part in seen.unbind(1))
        place = torch.stack((right, -down, -depth), -1) - middle
        return torch.cat((numbers[None, :, :-3].expand(pictures, -1, -1), place), -1).flatten(0, 1)

    @property
    def half_width(self) -> float:
        """Half the width of what the camera sees, at the distance 1."""
        return tan(radians(self.fitter.config.fov_deg) / 2)

    @staticmethod
    def is_camera(numbers: Float[Tensor, "rows numbers"]) -> Bool[Tensor, " numbers"]:
        """Whether a number turns or places the whole body."""
        camera = torch.zeros(numbers.shape[1], dtype=torch.bool)
        camera[:3] = camera[-3:] = True
        return camera

    def miss(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, " rows"]:
        """The landmarks alone."""
        return terms.reprojection(self._pixels(numbers), self.points * self.scale[:, None, None], self.confidence)

    def energy(self, numbers: Float[Tensor, "rows numbers"], stage: FitStage) -> Float[Tensor, " rows"]:
        """Landmarks, pose, hinges, shape, and the mask where it has a weight."""
        angles, shape, _ = self._split(numbers)
        energy = (
            self.miss(numbers)
            + stage.pose**2 * self.fitter.prior.energy(angles[:, 1:].flatten(1))
            + (HINGE * stage.pose) ** 2 * terms.hinge(angles, self.fitter.body.hinges, self.fitter.bends)
            + stage.shape**2 * terms.shape_prior(shape)
        )
        if self.silhouette is None or not stage.silhouette:
            return energy
        return energy + stage.silhouette**2 * self.silhouette.miss(self.surface(numbers), self.scale)

    def result(self, numbers: Float[Tensor, "rows numbers"], energy: Float[Tensor, " rows"]) -> BodyFit:
        """The camera turns in the place of the root."""
        angles, shape, place = self._split(numbers)
        root, turn = self.fitter.body.rest_joints(shape)[:, 0], rodrigues(angles[:, 0])
        T_camera_world = torch.eye(4).repeat(len(numbers), 1, 1)
        T_camera_world[:, :3, :3] = turn
        T_camera_world[:, :3, 3] = place + root - (turn @ root[..., None])[..., 0]
        error = (self._pixels(numbers) - self.points * self.scale[:, None, None]).norm(dim=-1)
        known = (self.confidence > 0).float()
        return BodyFit(
            angles=torch.cat((torch.zeros_like(angles[:, :1]), angles[:, 1:]), 1),
            shape=shape,
            camera=PerspectiveCamera(T_camera_world, radians(self.fitter.config.fov_deg)),
            energy=energy,
            miss=(error * known).sum(1) / known.sum(1) / BOX_PX,
        )

    def _split(self, numbers: Float[Tensor, "rows numbers"]) -> tuple[Tensor, Tensor, Tensor]:
        """Angles, shape and place."""
        body = self.fitter.body
        angles, shape, place = numbers.split((3 * len(body.joints), body.shapes, 3), 1)
        return angles.unflatten(1, (-1, 3)), shape, place

    def _landmarks(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows landmarks 3"]:
        """In the camera frame."""
        angles, shape, place = self._split(numbers)
        body = self.fitter.body
        return body.landmarks_of(body.posed(shape, rodrigues(angles))) + place[:, None]

    def _pixels(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows landmarks 2"]:
        return self._project(self._landmarks(numbers)) * self.scale[:, None, None]

    def surface(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows points 2"]:
        """Where points of the surface are in the picture."""
        assert self.fitter.surface is not None
        angles, shape, place = self._split(numbers)
        vertices = self.fitter.surface.posed(shape, rodrigues(angles)).vertices
        return self._project(vertices[:, len(self.fitter.body.template) :] + place[:, None])

    def _project(self, points: Float[Tensor, "rows points 3"]) -> Float[Tensor, "rows points 2"]:
        x, y, z = points.unbind(-1)
        # Behind the camera there is no picture: a step that goes there is far off, and not taken.
        reach = self.half_width * (-z).clamp(min=1e-2)
        return torch.stack((x / reach, -y / reach), -1)
