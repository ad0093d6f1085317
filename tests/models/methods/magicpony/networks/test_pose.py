from math import pi, radians

import pytest
import torch
from torch import Tensor, nn

from models.geometry.cameras import look_at, view_word
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.pose import PoseConfig, PoseNetwork, choose, facing, plausible, probabilities

PAPER = PoseConfig(
    uniform_mix={2 / 140: 1.0, 4 / 140: 0.0}, argmax_probability={6 / 140: 0.0, 8 / 140: 1.0 * 0.8}, view_trust=0.0
)
ALL = torch.ones(1, 4, dtype=torch.bool)
KEYS = torch.randn(8, 6, 8, 8, generator=torch.Generator().manual_seed(0))


class Fixed(nn.Module):
    """A head that answers the same for every image."""

    def __init__(self, raw: Tensor) -> None:
        super().__init__()
        self.raw = raw

    def forward(self, keys: Tensor) -> Tensor:
        return self.raw.expand(len(keys), -1)


def network(config: PoseConfig, scores: tuple[float, ...] = (3, 1, 2, 4), **raw: float) -> PoseNetwork:
    hypotheses = torch.tensor([(score, raw.get("x", 0.0), raw.get("y", 0.0), raw.get("z", 0.0)) for score in scores])
    return (
        config.build(EncoderConfig(grid=8), 6)
        if not raw and not scores
        else PoseNetwork(config, Fixed(torch.cat((hypotheses.flatten(), torch.full((3,), raw.get("shift", 0.0))))))
    )


@pytest.mark.parametrize("hypothesis", range(4))
def test_a_hypothesis_never_leaves_its_quadrant(hypothesis: int) -> None:
    raw = 20 * torch.randn(200, 2, generator=torch.Generator().manual_seed(hypothesis))
    f = facing(raw[:, 0], raw[:, 1], torch.full((200,), hypothesis))
    signs = torch.tensor(((1, 1), (-1, 1), (-1, -1), (1, -1)))[hypothesis]
    assert (f[:, (0, 2)] * signs > 0).all() and (f[:, 1] == 0).all()
    assert torch.allclose(f.norm(dim=-1), torch.ones(200))


@pytest.mark.parametrize(("hypothesis", "azimuth_deg"), ((0, -45), (1, 45), (2, 135), (3, -135)))
def test_untrained_views_are_the_middles_of_the_quadrants(hypothesis: int, azimuth_deg: float) -> None:
    scores = tuple(0.0 if number == hypothesis else 1.0 for number in range(4))
    camera = network(PoseConfig(), scores).eval()(KEYS, ALL.expand(8, 4), 1.0, None).camera
    assert torch.allclose(camera.azimuth, torch.full((8,), radians(azimuth_deg)), atol=1e-5)
    assert camera.T_camera_world[0, :3, 3].tolist() == pytest.approx((0, 0, -10))


def test_extreme_raw_views_have_a_gradient() -> None:
    raw = torch.tensor(((-100.0, -100.0), (-5.0, -5.0), (100.0, -100.0)), requires_grad=True)
    facing(raw[:, 0], raw[:, 1], torch.zeros(3, dtype=torch.long))[:, 0].sum().backward()
    assert raw.grad.isfinite().all()


def test_shifts_stay_within_their_share_of_the_view() -> None:
    camera = (
        network(PoseConfig(shift=0.2, depth_range=0.5), shift=100.0).eval()(KEYS, ALL.expand(8, 4), 1.0, None).camera
    )
    shift = camera.T_camera_world[0, :3, 3] + torch.tensor((0, 0, 10.0))
    assert shift.tolist() == pytest.approx((0.443, 0.443, 1.108), abs=1e-3)


def test_elevation_comes_from_the_number_that_level_views_leave_unused() -> None:
    flat = network(PoseConfig(elevation_deg=0), y=100.0).eval()(KEYS, ALL.expand(8, 4), 1.0, None).camera
    high = network(PoseConfig(elevation_deg=30), y=100.0).eval()(KEYS, ALL.expand(8, 4), 1.0, None).camera
    assert torch.allclose(flat.elevation, torch.zeros(8), atol=1e-6)
    assert torch.allclose(high.elevation, torch.full((8,), radians(30)), atol=1e-4)
    assert torch.allclose(high.azimuth, flat.azimuth, atol=1e-5)


@pytest.mark.parametrize(
    ("iteration", "inverse_temperature", "uniform", "best"),
    (
        (0, 1, 1, 0), (2000, 2, 1, 0), (3000, 3, 0.5, 0), (4000, 4, 0, 0), (7000, 7, 0, 0.4), (7600, 7.6, 0, 0.64),
        (8000, 8, 0, 0.8), (140_000, 100, 0, 0.8),
    ),
)  # fmt: skip
def test_schedules_have_the_values_of_the_paper_code(
    iteration: int, inverse_temperature: float, uniform: float, best: float
) -> None:
    progress = iteration / 140_000
    assert PAPER.inverse_temperature.at(progress) == pytest.approx(inverse_temperature)
    assert PAPER.argmax_probability.at(progress) == pytest.approx(best)
    scores = torch.tensor([[0.3, 0.1, 0.2, 0.4]])
    expected = uniform / 4 + (1 - uniform) * (-scores * inverse_temperature).softmax(-1)
    assert torch.allclose(probabilities(scores, ALL, PAPER, progress), expected, atol=1e-6)


def test_odds_sum_to_one_and_favour_the_lowest_score_even_when_far_apart() -> None:
    scores = torch.tensor([[900.0, 100, 500, 0]])
    allowed = torch.tensor([[True, True, False, False]])
    odds = probabilities(scores, allowed, PoseConfig(), 1.0)
    assert odds.isfinite().all() and odds.sum().item() == pytest.approx(1)
    assert odds[0].tolist() == [0, 1, 0, 0]


def test_the_view_word_rules_out_quadrants() -> None:
    found = plausible(torch.tensor((0, 1, 2, -1))).tolist()
    assert found == [[True, True, False, False], [True] * 4, [False, False, True, True], [True] * 4]
    middles = (-pi / 4, pi / 4, 3 * pi / 4, -3 * pi / 4)
    assert [view_word(0.9 * a) for a in middles[:2]] == ["front"] * 2


def test_a_known_side_of_the_head_leaves_the_quadrants_that_show_it_there() -> None:
    heading = torch.tensor((1.0, -1.0, 0.0, 1.0))
    found = plausible(torch.tensor((1, 1, 1, 0)), heading)
    assert found.sum(-1).tolist() == [2, 2, 4, 1]
    for row, allowed in enumerate(found):
        ahead = facing(torch.zeros(4), torch.zeros(4), torch.arange(4))[allowed]
        assert (ahead[:, 0] * heading[row] >= 0).all()


def test_a_known_camera_leaves_its_own_quadrant() -> None:
    azimuth = (torch.arange(24) + 0.5) / 24 * 2 * pi
    camera = look_at(azimuth, torch.full((24,), 0.3))
    allowed = plausible(torch.full((24,), -1), towards=camera.T_camera_world[:, 2, :3])
    assert (allowed.sum(-1) == 1).all() and (allowed.sum(0) == 6).all()
    forward = camera.T_camera_world[:, :3, 2]
    ours = facing(torch.zeros(24), torch.zeros(24), allowed.int().argmax(-1))
    assert torch.equal(ours[:, (0, 2)].sign(), forward[:, (0, 2)].sign())


@pytest.mark.parametrize("progress", (0.0, 0.2, 1.0))
def test_training_never_tries_what_a_trusted_word_rules_out(progress: float) -> None:
    view = torch.tensor((0, 2)).repeat(4)
    for seed in range(10):
        pose = network(PoseConfig()).train()(KEYS, plausible(view), progress, torch.Generator().manual_seed(seed))
        assert (pose.hypothesis[view == 0] < 2).all() and (pose.hypothesis[view == 2] >= 2).all()
        assert (pose.probability >= 0).all()


def test_a_half_trusted_word_leaves_some_odds() -> None:
    allowed = plausible(torch.tensor([0]))
    odds = probabilities(torch.zeros(1, 4), allowed, PoseConfig(view_trust=0.5), 1.0)
    assert torch.allclose(odds, torch.tensor([[2, 2, 1, 1]]) / 6)


def test_random_hypotheses_are_balanced_over_the_batch() -> None:
    for seed in range(5):
        taken = choose(torch.full((8, 4), 0.25), ALL.expand(8, 4), PAPER, 0.0, torch.Generator().manual_seed(seed))
        assert taken.bincount(minlength=4).tolist() == [2, 2, 2, 2]


def test_small_batches_try_every_hypothesis_in_time() -> None:
    generator = torch.Generator().manual_seed(0)
    tried = [choose(torch.full((1, 4), 0.25), ALL, PAPER, 0.0, generator).item() for _ in range(40)]
    assert set(tried) == {0, 1, 2, 3}


def test_late_training_takes_the_best_four_times_out_of_five_and_more() -> None:
    odds = torch.tensor((0.1, 0.7, 0.1, 0.1)).expand(4000, 4)
    taken = choose(odds, ALL.expand(4000, 4), PAPER, 1.0, torch.Generator().manual_seed(0))
    assert (taken == 1).float().mean().item() == pytest.approx(0.85, abs=0.03)


def test_evaluation_takes_the_best_and_ignores_the_word() -> None:
    pose = network(PoseConfig()).eval()(KEYS, plausible(torch.full((8,), 2)), 0.0, None)
    assert (pose.hypothesis == 1).all() and (pose.score == 1).all()


def test_a_real_head_learns_through_the_taken_hypothesis() -> None:
    built = PoseConfig().build(EncoderConfig(grid=8), 6).train()
    pose = built(KEYS, ALL.expand(8, 4), 0.0, torch.Generator().manual_seed(0))
    (pose.score.sum() + pose.camera.T_camera_world.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in built.parameters())
    assert not pose.probability.requires_grad


def test_training_says_what_the_word_rules_out_and_evaluation_ignores_it() -> None:
    view = torch.tensor([0, 1, 2, -1, 0, 1, 2, -1])
    pose = network(PoseConfig(view_trust=0.8)).train()(KEYS, plausible(view), 0.5, torch.Generator().manual_seed(0))
    assert torch.allclose(pose.alternatives.ruled_out[:4], 0.8 * (~plausible(view[:4])).float())
    assert pose.alternatives.score[0].tolist() == [3, 1, 2, 4]
    assert network(PoseConfig()).eval()(KEYS, plausible(view), 0.5, None).alternatives is None


def test_the_taken_viewpoint_is_among_the_alternatives() -> None:
    view = torch.full((8,), -1)
    pose = network(PoseConfig(), x=1.0, shift=0.5).train()(KEYS, plausible(view), 0.0, torch.Generator().manual_seed(0))
    everywhere = pose.alternatives.camera.T_camera_world.view(8, 4, 4, 4)
    assert torch.equal(everywhere[torch.arange(8), pose.hypothesis], pose.camera.T_camera_world)
    assert (everywhere[:, 0] - everywhere[:, 2]).abs().amax((1, 2)).min() > 0.5
