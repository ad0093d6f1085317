import numpy as np
import pytest
from PIL import Image

from models.data import framing
from models.data.framing import Box, crop_box, cut


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


@pytest.mark.parametrize(
    "box", [Box(-9, -31, 90, 90), Box(-300, 40, 7, 7), Box(3, -9, 16, 16), Box(-20, -99, 300, 300)]
)
def test_a_crop_is_the_same_whether_it_is_cut_in_strips_or_at_once(monkeypatch, box):
    photo = np.random.default_rng(3).integers(0, 256, (50, 40, 3), np.uint8)
    for picture in (photo, photo[..., 0] > 120):
        whole = framing.cut(picture, box, 16)
        monkeypatch.setattr(framing, "STRIP_ROWS", 7)
        assert np.array_equal(framing.cut(picture, box, 16), whole)
        image = Image.fromarray(picture.astype(np.uint8) * 255 if picture.dtype == bool else picture)
        inside = image.crop((box.left, box.top, box.left + box.width, box.top + box.height))
        once = np.array(inside.resize((16, 16), Image.Resampling.BILINEAR))
        assert np.array_equal(whole, once > 127 if picture.dtype == bool else once)
