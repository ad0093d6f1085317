from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from models.data.batch import Batch
from models.methods.magicpony.networks.encoder import EncoderConfig

CONFIG = EncoderConfig(image=32, grid=8, width=8, code=6, feature_cache_size=3)


class CountingVit:
    """Patch means as tokens; counts the images it was asked about."""

    channels = 3
    digest = "patches"

    def __init__(self) -> None:
        self.asked, self.size = 0, 0

    def tokens(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.asked, self.size = self.asked + len(images), images.shape[1]
        out = torch.nn.functional.avg_pool2d(images.permute(0, 3, 1, 2), 8)
        return out, -out


def crops(count: int, size: int = 32, seed: int = 0) -> Batch:
    image = torch.rand(count, size, size, 3, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(count, size, size)
    return Batch(image, mask, mask, None, torch.full((count,), -1), torch.arange(count))


@pytest.mark.parametrize("grid", (4, 8, 32))
def test_a_head_turns_a_map_of_its_size_into_a_vector(grid: int) -> None:
    head = EncoderConfig(grid=grid, width=8).head(3, 5)
    assert head(torch.randn(2, 3, grid, grid)).shape == (2, 5)


def test_a_head_has_no_bias_and_treats_images_alone() -> None:
    head = CONFIG.head(3, 5)
    assert not any("bias" in name and value.ndim > 1 for name, value in head.named_parameters())
    maps = torch.randn(3, 3, 8, 8)
    assert torch.allclose(head(maps)[1:2], head(maps[1:2]), atol=1e-6)


def test_a_grid_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValidationError, match="is 12; heads halve it"):
        EncoderConfig(grid=12)


def test_images_and_maps_of_any_size_are_brought_to_the_configured_ones() -> None:
    vit = CountingVit()
    out, key = CONFIG.build(vit)(crops(2, size=48), training=False)
    assert vit.size == 32 and out.shape == key.shape == (2, 3, 8, 8)
    assert torch.equal(key, -out)


def test_the_frozen_network_sees_a_training_crop_once() -> None:
    vit = CountingVit()
    tokens = CONFIG.build(vit)
    first, again = tokens(crops(3), training=True), tokens(crops(3), training=True)
    assert vit.asked == 3 and torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])


def test_memory_does_not_change_the_answer_much_and_company_not_at_all() -> None:
    tokens = CONFIG.build(CountingVit())
    fresh, kept = tokens(crops(3), training=False)[0], tokens(crops(3), training=True)[0]
    assert torch.allclose(fresh, kept, atol=1e-3)
    every = crops(3)
    one = Batch(every.image[1:2], every.mask[1:2], every.valid[1:2], None, every.view[1:2], every.index[1:2])
    assert torch.equal(CONFIG.build(CountingVit())(one, training=True)[0], kept[1:2])


def test_another_data_set_with_the_same_rows_is_not_confused_with_the_first() -> None:
    tokens = CONFIG.build(CountingVit())
    tokens(crops(3), training=True)
    other = tokens(crops(3, seed=1), training=True)[0]
    assert torch.allclose(other, tokens(crops(3, seed=1), training=False)[0], atol=1e-3)


def test_what_is_asked_ahead_is_asked_once_and_answered_alike() -> None:
    vit = CountingVit()
    tokens = CONFIG.build(vit)
    with ThreadPoolExecutor(1) as helper:
        tokens.prefetch(crops(3), helper)
        tokens.prefetch(crops(3), helper)
        found = tokens(crops(3), training=True)
        tokens.prefetch(crops(3), helper)
    assert vit.asked == 3
    alone = CONFIG.build(CountingVit())(crops(3), training=True)
    assert torch.equal(found[0], alone[0]) and torch.equal(found[1], alone[1])


def test_nothing_is_prefetched_without_a_cache() -> None:
    vit = CountingVit()
    with ThreadPoolExecutor(1) as helper:
        CONFIG.model_copy(update={"feature_cache_size": 0}).build(vit).prefetch(crops(3), helper)
    assert vit.asked == 0


def test_no_more_crops_are_kept_than_allowed() -> None:
    vit = CountingVit()
    tokens = CONFIG.build(vit)
    for _ in range(2):
        tokens(crops(5), training=True)
    assert vit.asked == 5 + 2
