"""Crops go in and out of batches unchanged."""

import torch

from models.truth.examples import join_examples, split_batch
from tests.models.metrics.conftest import example


def test_joining_and_splitting_keeps_every_crop() -> None:
    toys = [example(index, azimuth) for index, azimuth in enumerate((-2.0, 0.3, 1.1))]
    keys = [each.key for each in toys]
    again = split_batch(join_examples(toys), keys)
    assert [each.key for each in again] == keys
    for before, after in zip(toys, again, strict=True):
        assert torch.equal(before.crop.image, after.crop.image)
        assert torch.equal(before.crop.view, after.crop.view)
        assert after.mesh is None
