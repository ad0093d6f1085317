import pytest
import torch

from models.data.batch import Batch


def batch(**changes):
    fields = {
        "image": torch.zeros(2, 8, 8, 3), "mask": torch.zeros(2, 8, 8), "valid": torch.ones(2, 8, 8),
        "features": None, "view": torch.tensor((0, -1)), "index": torch.arange(2),
    }  # fmt: skip
    return Batch(**{**fields, **changes})


def test_a_batch_has_as_many_samples_as_images():
    assert len(batch()) == 2


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(TypeError, match="mask"):
        batch(mask=torch.zeros(2, 8, 9))
