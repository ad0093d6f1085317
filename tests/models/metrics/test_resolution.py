"""Whatever size crops come in, a method is shown the same picture at the size that it reads."""

from dataclasses import dataclass, field

import torch

from models.data.batch import Batch
from models.metrics.resolution import AtResolution, resize_batch
from tests.toy_methods.echo import Echoes

ANSWER = Echoes(torch.zeros(2, 4, 4, 4))


def half(size: int) -> Batch:
    """White left half on black, the animal in it."""
    mask = torch.zeros(2, size, size)
    mask[:, :, : size // 2] = 1
    image = mask[..., None].expand(-1, -1, -1, 3)
    return Batch(image, mask, torch.ones_like(mask), None, view=torch.tensor([1, -1]), index=torch.tensor([4, 6]))


@dataclass
class Witness:
    shown: list = field(default_factory=list)

    def predict(self, batch: Batch) -> Echoes:
        self.shown.append(batch)
        return ANSWER


def test_a_method_is_shown_its_own_size_and_its_answer_is_given_as_it_is() -> None:
    witness = Witness()
    assert AtResolution(witness, 16).predict(half(64)) is ANSWER
    (shown,) = witness.shown
    assert shown.image.shape == (2, 16, 16, 3) and shown.view.tolist() == [1, -1] and shown.index.tolist() == [4, 6]


def test_what_shrinks_is_averaged_and_a_mask_stays_one() -> None:
    small, expected = resize_batch(half(64), 16), half(16)
    assert set(small.mask.unique().tolist()) == {0, 1}
    assert torch.equal(small.mask, expected.mask) and torch.equal(small.valid, expected.valid)
    assert (small.image - expected.image).abs()[:, :, [0, 1, 2, -1]].max() < 1e-5


def test_crops_of_the_right_size_are_left_alone() -> None:
    batch = half(16)
    assert resize_batch(batch, 16) is batch
