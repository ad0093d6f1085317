import numpy as np
import torch

from models.data.augmentation import Augmentation, augment_crops, to_windows
from tests.models.data.test_crops import crop

CROPS = [crop(seed, size=32) for seed in range(20)]
ALWAYS = Augmentation(share=1)


def same(one, other):
    return all(
        np.array_equal(a.image, b.image) and np.array_equal(a.mask, b.mask) for a, b in zip(one, other, strict=True)
    )


def test_without_a_share_every_crop_stays_as_it_is():
    found = augment_crops(CROPS, Augmentation(share=0), 0)
    assert same(found.samples, CROPS)
    assert all(np.array_equal(seen, each.image) for seen, each in zip(found.seen, CROPS, strict=True))
    points = torch.rand(20, 3, 3)
    assert torch.allclose(found.move_points(points), points, atol=1e-6)


def test_a_share_of_the_crops_is_changed():
    found = augment_crops(CROPS, Augmentation(share=0.5), 0)
    changed = sum(not np.array_equal(a.image, b.image) for a, b in zip(found.samples, CROPS, strict=True))
    assert 5 <= changed <= 15


def test_a_crop_depends_on_its_row_and_the_seed_alone():
    first, again, other = (augment_crops(CROPS, ALWAYS, seed) for seed in (1, 1, 2))
    assert same(first.samples, again.samples) and not same(first.samples, other.samples)
    assert all(np.array_equal(a, b) for a, b in zip(first.seen, again.seen, strict=True))
    fewer = augment_crops(CROPS[:5] + CROPS[:15], ALWAYS, 1)
    assert same(fewer.samples[:5], first.samples[:5])


def test_only_the_encoder_sees_what_is_spoilt():
    """Photo and mask still belong together: the animal is red in this one, nothing else is."""
    red = crop(0, size=64)
    red.image[:] = (0, 90, 0)
    red.image[red.mask] = (250, 0, 0)
    found = augment_crops([red] * 8, ALWAYS, 0)
    for sample in found.samples:
        reddish = sample.image[..., 0].astype(int) > sample.image[..., 1].astype(int)
        assert (reddish != sample.mask).mean() < 0.06
    spoilt = [not np.array_equal(a, b.image) for a, b in zip(found.seen, found.samples, strict=True)]
    assert sum(spoilt) >= 4


def test_points_move_with_the_picture():
    dot = crop(0, size=64)
    dot.mask[:] = False
    dot.mask[40:42, 20:22] = True
    found = augment_crops([dot] * 6, Augmentation(share=1, shift=0.2, zoom=0.3), 3)
    expected = found.move_points(torch.tensor([[[21 / 32 - 1, 41 / 32 - 1, 0.1]]]).expand(6, 1, 3))
    for sample, point in zip(found.samples, expected[:, 0], strict=True):
        row, column = (place.mean() + 0.5 for place in np.nonzero(sample.mask))
        assert abs((point[0].item() + 1) * 32 - column) < 1 and abs((point[1].item() + 1) * 32 - row) < 1


def test_depth_grows_as_widths_do():
    points = torch.tensor([[[-0.2, 0.0, -0.1], [0.2, 0.0, 0.1]]])
    found = to_windows(points, torch.tensor([[0.3, 0.3, 0.5]]))
    assert torch.allclose(found[0, 1] - found[0, 0], 2 * (points[0, 1] - points[0, 0]), atol=1e-6)
