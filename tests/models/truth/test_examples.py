"""Crops go in and out of batches unchanged."""

import torch

from models.truth.examples import Example, joined, split


def test_joining_and_splitting_keeps_every_crop(toys: list[Example]) -> None:
    keys = [each.key for each in toys]
    again = split(joined(toys), keys)
    assert [each.key for each in again] == keys
    for before, after in zip(toys, again, strict=True):
        assert torch.equal(before.crop.image, after.crop.image)
        assert torch.equal(before.crop.view, after.crop.view)
        assert after.mesh is None
