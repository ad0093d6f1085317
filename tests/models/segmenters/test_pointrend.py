import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.core.errors import MissingWeights
from models.segmenters.pointrend import PointNetwork, PointRend, PointRendConfig, sample, subdivide, uncertainty


def network(width=4):
    torch.manual_seed(0)
    return PointNetwork(("cow", "horse"), width).eval()


def test_sampling_at_cell_centres_gives_the_cells():
    values = torch.rand(1, 2, 4, 4)
    centres = (torch.arange(4) + 0.5) / 4 * 2 - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    points = torch.stack((x, y), -1).reshape(1, -1, 2)
    assert torch.allclose(sample(values, points).view(1, 2, 4, 4), values, atol=1e-6)


def test_a_tie_is_the_least_certain():
    logits = torch.tensor([[[0.0, 3.0, 1.0], [0.0, 0.0, 0.9]]])
    assert uncertainty(logits)[0].argsort(descending=True).tolist() == [0, 2, 1]


@torch.no_grad()
def test_subdivision_asks_at_full_size_and_only_so_many_points():
    image = torch.rand(1, 3, 64, 64)
    net = network()
    plain, asked = subdivide(net, image, 0), subdivide(net, image, 50)
    assert plain.shape == asked.shape == (1, 3, 64, 64)
    # At most 50 of the last level, and what 50 at each earlier level spread to: a cell reaches 3 x 3 finer ones.
    assert 0 < (plain != asked).any(1).sum() < 64 * 64


@torch.no_grad()
def test_asking_everywhere_is_the_point_head_everywhere():
    net, image = network(), torch.rand(1, 3, 32, 32)
    coarse, fine = net(image)
    centres = (torch.arange(32) + 0.5) / 32 * 2 - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    everywhere = net.refine(coarse, fine, torch.stack((x, y), -1).reshape(1, -1, 2)).view(1, 3, 32, 32)
    assert torch.allclose(subdivide(net, image, 32 * 32), everywhere, atol=1e-5)


class Painted(PointNetwork):
    """Says what a picture's colours say: red is cow, green is horse."""

    def forward(self, image):
        logits = torch.stack((torch.full_like(image[:, 0], 0.5), image[:, 0], image[:, 1]), 1) * 20
        return torch.nn.functional.avg_pool2d(logits, 8), []


def test_each_region_is_an_instance_of_its_class():
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[0, 8:24, 8:24, 0], image[0, 40:56, 32:56, 1] = 255, 255
    segmenter = PointRend(PointRendConfig(points=0), Painted(("cow", "horse"), 4))
    (both,) = segmenter.segment(image, ("cow", "horse"))
    assert {each.label for each in both} == {"cow", "horse"}
    assert both[0].score >= both[1].score > 0.7
    (cows,) = segmenter.segment(image, ("cow",))
    assert [each.label for each in cows] == ["cow"] and cows[0].mask[16, 16] and not cows[0].mask[48, 40]


def test_a_region_that_may_be_something_else_is_no_animal():
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[0, 8:24, 8:24, 0], image[0, 40:56, 32:56, 1] = 255, 140
    sure, doubtful = 255 / 255 * 20 - 10, 140 / 255 * 20 - 10
    chances = [np.exp(logit) / (np.exp(logit) + 1) for logit in (sure, doubtful)]
    network = Painted(("cow", "horse"), 4)
    (both,) = PointRend(PointRendConfig(points=0, least_score=0.0), network).segment(image, ("cow", "horse"))
    assert [each.label for each in both] == ["cow", "horse"]
    assert both[1].score < chances[1] + 0.01 and both[1].score < both[0].score
    between = (both[0].score + both[1].score) / 2
    (one,) = PointRend(PointRendConfig(points=0, least_score=between), network).segment(image, ("cow", "horse"))
    assert [each.label for each in one] == ["cow"]


def test_the_animal_asked_for_has_the_benefit_of_the_doubt():
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[0, 8:40, 8:40, :2] = 250, 255
    segmenter = PointRend(PointRendConfig(points=0), Painted(("cow", "horse"), 4))
    assert [segmenter.segment(image, (name,))[0][0].label for name in ("cow", "horse")] == ["cow", "horse"]
    assert segmenter.segment(image, ("cow", "horse"))[0][0].label == "horse"
    strict = PointRend(PointRendConfig(points=0, other=1.0), Painted(("cow", "horse"), 4))
    assert not strict.segment(image, ("cow",))[0]


def test_the_score_is_that_of_an_animal_whichever_it_is():
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[0, 8:40, 8:40, :2] = 255
    (found,) = PointRend(PointRendConfig(points=0), Painted(("cow", "horse"), 4)).segment(image, ("cow", "horse"))
    assert found[0].score > 0.9


def test_a_class_the_weights_do_not_know_is_refused():
    with pytest.raises(ValueError, match="'pig' is not a class of these weights; they know cow, horse"):
        PointRend(PointRendConfig(), network()).segment(np.zeros((1, 32, 32, 3), np.uint8), ("pig",))


def test_the_classes_of_the_embedded_weights_are_known_before_they_are_loaded():
    assert PointRendConfig().classes() == PointRendConfig().build(torch.device("cpu")).network.labels


def test_saved_weights_come_back_and_any_size_of_picture_is_segmented(tmp_path):
    save_file(network().state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"labels": ["cow", "horse"], "width": 4}))
    segmenter = PointRendConfig(weights=str(tmp_path)).build(torch.device("cpu"))
    found = segmenter.segment(np.random.default_rng(0).integers(0, 255, (2, 50, 70, 3), np.uint8), ("cow",))
    assert len(found) == 2 and all(each.mask.shape == (50, 70) for some in found for each in some)


@pytest.mark.parametrize("breakage", ["absent", "cut", "other"])
def test_broken_weights_are_named(tmp_path, breakage):
    (tmp_path / "config.json").write_text(json.dumps({"labels": ["cow"], "width": 4}))
    if breakage == "cut":
        (tmp_path / "model.safetensors").write_bytes(b"half a file")
    if breakage == "other":
        save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(MissingWeights, match="PointRend in .* cannot be loaded"):
        PointRendConfig(weights=str(tmp_path)).build(torch.device("cpu"))
