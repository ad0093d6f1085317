from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from models.data.crops import Crops, batch_rows, collate, mask_distance, random
from models.data.ground_truth import Truth
from models.features.head_direction import head_directions

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Crop:
    image: np.ndarray
    mask: np.ndarray
    valid: np.ndarray
    features: np.ndarray | None
    view: int


def crop(seed: int, size: int = 8, channels: int | None = 3) -> Crop:
    rng = np.random.default_rng(seed)
    mask = np.zeros((size, size), bool)
    mask[2:6, 1:5] = True
    return Crop(
        image=rng.integers(0, 256, (size, size, 3), np.uint8),
        mask=mask,
        valid=np.ones((size, size), bool),
        features=None if channels is None else rng.random((channels, 2, 2)).astype(np.float16),
        view=seed % 3,
    )


def test_a_batch_holds_its_crops() -> None:
    samples = [crop(seed) for seed in range(3)]
    batch = Crops(samples, 8, CPU).batch(torch.tensor([2, 0]))
    assert torch.equal((batch.image[0] * 255).round().byte(), torch.from_numpy(samples[2].image))
    assert torch.equal(batch.mask[1].bool(), torch.from_numpy(samples[0].mask))
    assert batch.view.tolist() == [2, 0]
    assert batch.index.tolist() == [4, 0]
    assert torch.allclose(batch.features[0], torch.from_numpy(samples[2].features.astype(np.float32)))


def test_mirroring_turns_every_map_and_gets_its_own_index() -> None:
    crops = Crops([crop(0), crop(1)], 8, CPU)
    rows = torch.tensor([1, 1])
    batch = crops.batch(rows, torch.tensor([False, True]))
    for name in ("image", "mask", "valid", "inside"):
        plain, mirrored = getattr(batch, name)
        assert torch.equal(plain.flip(1), mirrored)
    assert torch.equal(batch.features[0].flip(2), batch.features[1])
    assert batch.index.tolist() == [2, 3]


def test_what_the_encoder_sees_and_what_is_true_are_mirrored_too() -> None:
    points, lamp = torch.tensor([[[0.5, 0.1, 0.0]]]), torch.zeros(1, 4)
    truth = Truth(torch.tensor([[0.6, 0.0, 0.8]]), points, torch.zeros(1, 0, 3), lamp, torch.tensor([0]))
    crops = Crops([crop(0)], 8, CPU, [crop(1).image], truth)
    batch = crops.batch(torch.tensor([0, 0]), torch.tensor([False, True]))
    assert torch.equal((batch.seen[0] * 255).round().byte(), torch.from_numpy(crop(1).image))
    assert torch.equal(batch.seen[0].flip(1), batch.seen[1])
    assert torch.equal(batch.truth.keypoints[:, 0], torch.tensor([[0.5, 0.1, 0.0], [-0.5, 0.1, 0.0]]))
    plain = Crops([crop(0)], 8, CPU).batch(torch.tensor([0]))
    assert plain.seen is None and plain.truth is None


def test_the_side_of_the_head_is_known_from_features_told_and_mirrored_with_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    samples = [crop(seed) for seed in range(3)]
    for row, ramp in enumerate(((1, 1), (0, 1), (0, 0))):
        samples[row].features[:] = np.array(ramp, np.float16)
    crops = Crops(samples, 8, CPU, head_directions=head_directions)
    batch = crops.batch(torch.tensor([1, 1]), torch.tensor([False, True]))
    assert batch.heading.tolist() == [1, -1]
    assert "known of 1 of 3 crops" in caplog.text
    plain = Crops([crop(seed, channels=None) for seed in range(3)], 8, CPU, head_directions=head_directions)
    assert plain.batch(torch.arange(3)).heading.tolist() == [0, 0, 0]
    assert Crops(samples, 8, CPU).batch(torch.arange(3)).heading.tolist() == [0, 0, 0], "nobody was asked"


def test_inside_is_the_depth_in_the_mask() -> None:
    batch = Crops([crop(0)], 8, CPU).batch(torch.tensor([0]))
    assert batch.inside.max() == 2 / 8
    assert torch.equal(batch.inside > 0, batch.mask > 0)


def test_the_distance_of_a_mask_is_exact_and_knows_the_pictures_edge() -> None:
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:3, 2:7] = True
    rows, columns = np.indices((10, 10)) - 1
    outside = np.argwhere(~np.pad(mask.numpy(), 1)) - 1
    apart = np.hypot(rows[..., None] - outside[:, 0], columns[..., None] - outside[:, 1]).min(-1)[1:-1, 1:-1]
    np.testing.assert_allclose(mask_distance(mask).float().numpy(), apart / 8, atol=1e-3)


def test_collated_crops_are_the_training_set_in_its_order() -> None:
    samples = [crop(seed, size=16) for seed in range(3)]
    batch, stored = collate(samples, 8, CPU), Crops(samples, 8, CPU).batch(torch.arange(3))
    assert torch.equal(batch.image, stored.image) and torch.equal(batch.mask, stored.mask)
    assert batch.view.tolist() == [0, 1, 2] and batch.index.tolist() == [0, 2, 4]


def test_an_animal_that_fills_the_picture_is_deepest_in_its_middle() -> None:
    full = replace(crop(0), mask=np.ones((8, 8), bool))
    assert Crops([full], 8, CPU).batch(torch.tensor([0])).inside.max() == 4 / 8


def test_crops_are_brought_to_training_size_and_their_means_kept() -> None:
    large = crop(0, size=32)
    batch = Crops([large], 16, CPU).batch(torch.tensor([0]))
    assert batch.image.shape == (1, 16, 16, 3)
    assert batch.image.mean() == pytest.approx(large.image.mean() / 255, abs=0.01)
    assert set(batch.mask.unique().tolist()) == {0, 1}


def test_features_are_for_all_samples_or_for_none() -> None:
    assert Crops([crop(0, channels=None)], 8, CPU).batch(torch.tensor([0])).features is None
    with pytest.raises(ValueError, match="1 of 2 samples have no features"):
        Crops([crop(0), crop(1, channels=None)], 8, CPU)


def test_an_empty_training_set_is_refused() -> None:
    with pytest.raises(ValueError, match="0 samples"):
        Crops([], 8, CPU)


def test_every_epoch_shows_every_row_once_in_its_own_order() -> None:
    seen = torch.cat([batch_rows(10, 4, step, seed=0)[0] for step in range(5)])
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()


def test_a_batch_may_be_larger_than_the_training_set() -> None:
    rows, _ = batch_rows(3, 8, 0, seed=0)
    assert torch.bincount(rows).tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])


def test_draws_depend_on_the_key_alone() -> None:
    assert all(torch.equal(a, b) for a, b in zip(batch_rows(9, 4, 3, 1), batch_rows(9, 4, 3, 1), strict=True))
    assert torch.rand(1, generator=random(0, "step", 1)) == torch.rand(1, generator=random(0, "step", 1))
    assert torch.rand(1, generator=random(0, "step", 1)) != torch.rand(1, generator=random(0, "step", 2))
