import numpy as np
from PIL import Image, ImageDraw

from models.data import cutouts
from models.data.cutouts import FILL, FLAT

SIZE = 128


def disc(size=40, canvas=100, colour=(200, 30, 30, 255)):
    picture = Image.new("RGBA", (canvas, canvas))
    ImageDraw.Draw(picture).ellipse((10, 10, 10 + size, 10 + size), fill=colour)
    return picture


def test_a_cutout_is_enlarged_and_its_colour_goes_on_outside_of_it():
    values = cutouts.fit_cutout(disc(), SIZE)
    assert values is not None and values.shape == (SIZE, SIZE, 6)
    rows = np.flatnonzero((values[..., 3] > 127).any(1))
    assert abs(len(rows) - FILL * SIZE) <= 2 and abs(rows.mean() - SIZE / 2) <= 1
    beside = values[rows[0] - 1, SIZE // 2]
    assert beside[3] < 128 and abs(int(beside[0]) - 200) < 30


def test_what_is_nearly_transparent_or_tiny_is_no_cutout():
    assert cutouts.fit_cutout(Image.new("RGBA", (50, 50)), SIZE) is None
    assert cutouts.fit_cutout(disc(size=8), SIZE) is None
    line = Image.new("RGBA", (200, 200))
    ImageDraw.Draw(line).line((0, 0, 199, 199), fill=(0, 0, 0, 255), width=2)
    assert cutouts.fit_cutout(line, SIZE) is None


def test_an_inflated_disc_slopes_outwards_on_every_side():
    values = cutouts.fit_cutout(disc(), SIZE)
    assert values is not None
    slope, middle, near = values[..., 4:].astype(int) - FLAT, SIZE // 2, 10
    assert slope[middle, near, 0] < -20 and slope[middle, SIZE - near, 0] > 20
    assert slope[near, middle, 1] < -20 and slope[SIZE - near, middle, 1] > 20
    assert np.abs(slope[middle, middle]).max() < 15


def test_things_are_many_and_the_numbers_decide_them():
    things = cutouts.draw_things(24, SIZE, np.random.default_rng(0))
    again = cutouts.draw_things(24, SIZE, np.random.default_rng(0))
    assert len(things) >= 20 and not things.label.any() and np.array_equal(things.image, again.image)
    shares = (things.image[..., 3] > 127).mean((1, 2))
    assert shares.min() > 0.01 and shares.std() > 0.05


def test_each_folder_has_its_label_and_what_is_absent_is_empty(tmp_path):
    for name in ("cow", "things"):
        (tmp_path / name).mkdir()
        disc().save(tmp_path / name / "one.png")
    loaded = cutouts.load_cutouts([(tmp_path / "cow", 1), (tmp_path / "pig", 4), (tmp_path / "things", 0)], SIZE)
    assert loaded.label.tolist() == [1, 0]
    assert len(cutouts.load_cutouts([], SIZE)) == 0
    both = cutouts.join_cutouts((loaded, cutouts.draw_things(2, SIZE, np.random.default_rng(1))))
    assert len(both) == len(both.slope) == len(both.label) and both.label[0] == 1


def test_clutter_covers_its_backdrop_with_things():
    things = cutouts.draw_things(8, SIZE, np.random.default_rng(0))
    backdrops = np.full((1, 64, 64, 3), 255, np.uint8)
    pictures = cutouts.scatter(things, backdrops, 3, np.random.default_rng(0))
    covered = (pictures != 255).any(-1).mean((1, 2))
    assert pictures.shape == (3, 64, 64, 3) and covered.min() > 0.1
    assert len({picture.tobytes() for picture in pictures}) == 3
