"""Packing happens elsewhere: the same places, and the threads of this process go on."""

import threading
import time

import numpy as np
import pytest

from models.rendering import unwrapping
from models.rendering.unwrapping import _pack, _unpack, pack_charts, run_packing


def charts(count):
    """Squares of several sizes that share no corner."""
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    flat = np.concatenate([(1 + number % 7) * square + (10 * number, 0) for number in range(count)])
    faces = np.array([(0, 1, 2), (0, 2, 3)])
    return flat, np.concatenate([faces + 4 * number for number in range(count)])


def test_another_process_gives_the_same_places():
    here, there = (pack(*charts(9), 64, 4) for pack in (pack_charts, run_packing))
    assert np.array_equal(here, there)


def test_charts_keep_their_shape_and_lie_apart():
    flat, faces = charts(9)
    corners = run_packing(flat, faces, 128, 4).reshape(-1, 4, 2)
    least, most = corners.min(1), corners.max(1)
    assert least.min() >= 0 and most.max() <= 1
    sizes = np.ptp(flat.reshape(-1, 4, 2)[..., 0], axis=1)
    widths = (most - least) / sizes[:, None]
    np.testing.assert_allclose(widths, np.broadcast_to(widths[0], widths.shape), rtol=0.05)
    gaps = np.maximum(least[:, None] - most[None], least[None] - most[:, None]).max(-1) * 128
    assert gaps[~np.eye(9, dtype=bool)].min() >= 3.9


@pytest.mark.slow
def test_a_heartbeat_goes_on_beating_while_many_charts_are_packed():
    beats, over = [time.monotonic()], threading.Event()

    def beat():
        while not over.wait(0.02):
            beats.append(time.monotonic())

    heart = threading.Thread(target=beat)
    heart.start()
    start = time.monotonic()
    run_packing(*charts(1500), 256, 4)
    seconds = time.monotonic() - start
    over.set()
    heart.join()
    assert np.diff(beats).max() < seconds / 3, "all threads stood still"


def test_arrays_go_through_a_pipe_as_they_are():
    arrays = {"one": np.arange(3), "two": np.ones((2, 2), np.float32)}
    back = _unpack(_pack(**arrays))
    assert back.keys() == arrays.keys() and all(np.array_equal(back[name], arrays[name]) for name in arrays)


def test_its_last_words_are_told(monkeypatch, tmp_path):
    program = tmp_path / "program.py"
    monkeypatch.setattr(unwrapping, "__file__", str(program))
    for text, error in (("import xatlass", ModuleNotFoundError), ("raise ValueError('no')", RuntimeError)):
        program.write_text(text)
        with pytest.raises(error, match="charts of 18 faces failed: (ModuleNotFoundError: .*xatlass|ValueError: no)"):
            run_packing(*charts(9), 64, 4)
