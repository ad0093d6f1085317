"""Viewpoint as one of four quadrants, each explored on its own (MagicPony; fidelity F9).

Photos of an animal fit a front and a back view, a left and a right one about equally well at first. So the network
answers with one view per quadrant and predicts, for each, the loss it would end up with; training tries one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, radians

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus

from models.core.category import VIEWS
from models.core.config import Config
from models.core.schedule import Schedule, Share
from models.data.parts import per_image
from models.geometry.cameras import DISTANCE, FOV, PerspectiveCamera, from_pose
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.state import Alternatives

SIGNS = ((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0))
"""Signs of (x, z) of the object's forward axis in the camera frame, by hypothesis."""
FRONT_QUADRANTS = {"front": (True, True, False, False), "back": (False, False, True, True)}
HALF_VIEW = DISTANCE * torch.tan(torch.tensor(FOV / 2)).item()
"""Half of what the camera sees at the animal's distance, 2.217."""


class PoseConfig(Config):
    """How the viewpoint is parametrised, and how hypotheses are tried over the run."""

    shift: float = Field(default=0.2, gt=0, description="largest sideways shift over half the view")
    depth_range: float = Field(
        default=1.2,
        gt=0,
        description="largest shift along the camera's axis over half the view; crops show a cow from the front "
        "1.4 times as large as from the side, where the paper's 0.5 allows 1.25",
    )
    elevation_deg: float = Field(
        default=25.0, ge=0, lt=80, description="largest elevation; the paper's quadrupeds have 0"
    )
    inverse_temperature: Schedule = Field(
        default=Schedule({1 / 140: 1.0, 100 / 140: 100.0}), description="sharpness of the hypotheses' odds"
    )
    uniform_mix: Schedule = Field(
        default=Schedule({0.08: 1.0, 0.14: 0.0}), description="share of a uniform distribution in the hypotheses' odds"
    )
    argmax_probability: Schedule = Field(
        default=Schedule({0.18: 0.0, 0.24: 0.8}), description="share of images that get the likeliest hypothesis"
    )
    view_trust: Share = Field(
        default=1.0, description="how far the prompt's view word and the head's side rule out quadrants in training"
    )

    def build(self, encoder: EncoderConfig, channels: int) -> "PoseNetwork":
        """A network over maps of ViT keys."""
        return PoseNetwork(self, encoder.head(channels, 4 * (1 + 3) + 3))


Misfit = Callable[[PerspectiveCamera], Float[Tensor, "batch 4"]]
"""Cameras of all hypotheses, image by image, to what speaks against each."""


@dataclass(frozen=True)
class Pose:
    """The chosen viewpoint of each image."""

    camera: PerspectiveCamera
    hypothesis: Int[Tensor, " batch"]
    score: Float[Tensor, " batch"]
    probability: Float[Tensor, " batch"]
    alternatives: Alternatives | None
    """All hypotheses; only in training."""


class PoseNetwork(nn.Module):
    """Keys to four viewpoints with scores, of which one is taken."""

    def __init__(self, config: PoseConfig, head: nn.Module) -> None:
        """`head` answers (score, three raw view numbers) for each hypothesis and three for the shift."""
        super().__init__()
        self.config, self.head = config, head

    def forward(
        self,
        keys: Float[Tensor, "batch channels rows columns"],
        allowed: Bool[Tensor, "batch 4"],
        progress: float,
        generator: torch.Generator | None,
        misfit: Misfit | None = None,
    ) -> Pose:
        """In training one of the `allowed` hypotheses as scheduled (fidelity F11), else the one with the best score.

        The score is what the network says of a hypothesis, and what `misfit` has against its camera.
        """
        raw = self.head(keys)
        scores, views = raw[:, :16].view(-1, 4, 4).split((1, 3), -1)
        scores = scores[..., 0]
        alternatives = None
        if self.training:
            odds = probabilities(scores.detach(), allowed, self.config, progress)
            taken = choose(odds, allowed, self.config, progress, generator)
            ruled_out = self.config.view_trust * (~allowed).to(scores)
            alternatives = Alternatives(scores, ruled_out, self._cameras(views.detach(), raw[:, 16:].detach()))
        else:
            if misfit is not None:
                scores = scores + misfit(self._cameras(views, raw[:, 16:]))
            odds = probabilities(scores.detach(), torch.ones_like(scores, dtype=torch.bool), self.config, progress)
            taken = scores.argmin(-1)
        row = torch.arange(len(raw), device=raw.device)
        camera = self._camera(views[row, taken], taken, raw[:, 16:])
        return Pose(camera, taken, scores[row, taken], odds[row, taken], alternatives)

    def _cameras(
        self, views: Float[Tensor, "batch hypotheses 3"], shift: Float[Tensor, "batch 3"]
    ) -> PerspectiveCamera:
        """Those of all hypotheses, image by image."""
        count, hypotheses = views.shape[:2]
        numbers = torch.arange(hypotheses, device=views.device).repeat(count)
        return self._camera(views.flatten(0, 1), numbers, shift.repeat_interleave(hypotheses, 0))

    def _camera(
        self, view: Float[Tensor, "images 3"], hypothesis: Int[Tensor, " images"], shift: Float[Tensor, "images 3"]
    ) -> PerspectiveCamera:
        reach = shift.new_tensor((self.config.shift, self.config.shift, self.config.depth_range)) * HALF_VIEW
        camera = from_pose(facing(view[:, 0], view[:, 2], hypothesis), shift.tanh() * reach)
        if not self.config.elevation_deg:
            return camera
        return _elevate(camera, view[:, 1].tanh() * radians(self.config.elevation_deg))


def facing(
    x: Float[Tensor, " batch"], z: Float[Tensor, " batch"], hypothesis: Int[Tensor, " batch"]
) -> Float[Tensor, "batch 3"]:
    """The object's +z axis in the camera frame, level, inside the hypothesis' own quadrant; raw 0, 0 is its middle."""
    # Bounded raw values keep the vector away from zero, where its direction has no gradient.
    bounded = 4 * (torch.stack((x, z), -1) / 4).tanh()
    sides = softplus(bounded, beta=2 * log(2)) * bounded.new_tensor(SIGNS)[hypothesis]
    return normalize(torch.stack((sides[:, 0], torch.zeros_like(x), sides[:, 1]), -1), dim=-1)


def plausible(
    view: Int[Tensor, " batch"],
    heading: Float[Tensor, " batch"] | None = None,
    towards: Float[Tensor, "batch 3"] | None = None,
) -> Bool[Tensor, "batch 4"]:
    """The camera's own quadrant where it is known; else those that go with the prompt's view word and the head's side.

    A side view or an unknown word goes with front and back, an unknown side of the head with left and right.
    `heading` is `Batch.heading`, `towards` is `Truth.towards`.
    """
    if towards is not None:
        # The camera at +x of the animal sees its head on the left: the forward axis has the other sign there.
        seen = torch.stack((-towards[:, 0], towards[:, 2]), -1) >= 0
        return (seen[:, None] == (seen.new_tensor(SIGNS, dtype=torch.float) > 0)).all(-1)
    words = [FRONT_QUADRANTS.get(word, (True,) * 4) for word in VIEWS] + [(True,) * 4]
    allowed = torch.tensor(words, device=view.device)[view]
    if heading is None:
        return allowed
    return allowed & (heading[:, None] * heading.new_tensor(SIGNS)[:, 0] >= 0)


def probabilities(
    scores: Float[Tensor, "batch 4"], allowed: Bool[Tensor, "batch 4"], config: PoseConfig, progress: float
) -> Float[Tensor, "batch 4"]:
    """Odds of the hypotheses: lower scores are better; uniform at first; nothing left for what the word rules out."""
    prior = torch.where(allowed, 1.0, 1 - config.view_trust)
    prior = prior / prior.sum(-1, keepdim=True)
    learned = (prior.log() - scores * config.inverse_temperature.at(progress)).softmax(-1)
    uniform_mix = config.uniform_mix.at(progress)
    return uniform_mix * prior + (1 - uniform_mix) * learned


def choose(
    odds: Float[Tensor, "batch 4"],
    allowed: Bool[Tensor, "batch 4"],
    config: PoseConfig,
    progress: float,
    generator: torch.Generator | None,
) -> Int[Tensor, " batch"]:
    """The likeliest hypothesis for a share of the images; for the others one at random, balanced over the batch."""
    count = len(odds)
    # The first number is random too, so that batches of fewer than four try all hypotheses in time.
    turn = per_image(lambda images: torch.randperm(images, generator=generator), count, generator)
    turn = turn + torch.randint(4, (), generator=generator)
    coins = per_image(lambda images: torch.rand(2, images, generator=generator), count, generator, axis=1)
    coins = coins.to(odds.device)
    tried = allowed | (coins[0] >= config.view_trust)[:, None]
    order = tried.int().argsort(dim=-1, descending=True, stable=True)
    random = order.gather(1, (turn.to(odds.device) % tried.sum(-1))[:, None])[:, 0]
    return torch.where(coins[1] < config.argmax_probability.at(progress), odds.argmax(-1), random)


def _elevate(camera: PerspectiveCamera, angle: Float[Tensor, " batch"]) -> PerspectiveCamera:
    """Cameras raised by this angle about the animal; the shift stays in camera axes."""
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = (one, zero, zero, zero, angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos())
    rotation = torch.stack(rows, -1).view(-1, 3, 3) @ camera.T_camera_world[:, :3, :3]
    T = torch.cat((rotation, camera.T_camera_world[:, :3, 3:]), -1)
    return camera.with_extrinsics(torch.cat((T, camera.T_camera_world[:, 3:]), 1))
