"""Bytes that other programs read back as the same pictures."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from storage.formats.pictures import contact_sheet, gif, jpeg, labelled_rows, png, webp

FRAMES = np.random.default_rng(0).integers(0, 255, (5, 24, 32, 3), np.uint8)
FRAMES[:, :12] = 40


def test_png_loses_nothing_and_jpeg_little() -> None:
    assert (np.asarray(Image.open(BytesIO(png(FRAMES[0])))) == FRAMES[0]).all()
    flat = np.full((16, 16, 3), 90, np.uint8)
    assert np.abs(np.asarray(Image.open(BytesIO(jpeg(flat)))).astype(int) - 90).max() <= 2


def test_films_keep_their_frames_pace_and_loop() -> None:
    for film in (Image.open(BytesIO(encoded)) for encoded in (gif(FRAMES, 10), webp(FRAMES, 10))):
        assert (film.n_frames, film.size, film.info["loop"]) == (5, (32, 24), 0)
        film.seek(1)
        film.load()
        assert film.info["duration"] == 100


@pytest.mark.parametrize(("count", "seconds"), [(36, 2.0), (36, 7 / 6), (240, 7 / 6), (300, 2.0)])
def test_a_film_lasts_as_long_as_it_should_and_no_frame_is_too_short_for_a_player(count: int, seconds: float) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (count, 8, 8, 3), np.uint8)
    for encoded, shortest in ((gif(frames, count / seconds), 20), (webp(frames, count / seconds), 1)):
        film, durations = Image.open(BytesIO(encoded)), list[int]()
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            durations.append(film.info["duration"])
        assert sum(durations) == pytest.approx(1000 * seconds, abs=30) and min(durations) >= shortest


def test_a_sheet_has_room_for_all() -> None:
    sheet = contact_sheet([*FRAMES, *FRAMES], ["a caption far longer than its picture"] * 10)
    assert sheet.shape == (2 * (24 + 4 + 16), 8 * 36, 3)
    assert (sheet[2:26, 2:34] == FRAMES[0]).all()


def test_captions_stay_under_their_pictures() -> None:
    sheet = contact_sheet([FRAMES[0], FRAMES[1]], ["a caption far longer than its picture", ""])
    assert (sheet[26:, 36:] == 255).all()


def test_rows_stand_below_each_other_after_their_names_under_those_of_their_columns() -> None:
    red, blue = (np.full((8, 40, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    sheet = labelled_rows({"a long name": red, "b": blue}, ("one", "two"))
    left = sheet.shape[1] - 40
    assert left > 40 and (sheet[16:24, left:] == red).all() and (sheet[26:34, left:] == blue).all()
    assert sheet[16:24, :left].min() < 128 and sheet[:16, left : left + 20].min() < 128
