import numpy as np
import pytest

from models.data.framing import crop_box, cut


def square(top, left, side=20, size=100):
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_the_animal_covers_a_quarter_of_its_crop_and_is_in_its_middle():
    mask = square(30, 50)
    box = crop_box(mask)
    assert box.width == box.height == 40
    assert cut(mask, box, 80).mean() == pytest.approx(0.25, abs=0.01)
    rows, columns = np.nonzero(cut(mask, box, 80))
    assert rows.mean() == pytest.approx(40, abs=2) and columns.mean() == pytest.approx(40, abs=2)


def test_outside_of_the_photo_is_black():
    photo = np.full((100, 100, 3), 200, np.uint8)
    box = crop_box(square(0, 0))
    assert box.left < 0 and box.top < 0
    crop = cut(photo, box, 40)
    assert crop[0, 0].max() == 0 and crop[-1, -1].min() == 200


def test_photo_and_mask_are_cut_alike():
    mask = square(10, 70)
    photo = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, -1)
    box = crop_box(mask)
    assert np.array_equal(cut(photo, box, 64)[..., 0] > 127, cut(mask, box, 64))


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="100 x 100 px is empty"):
        crop_box(np.zeros((100, 100), bool))
