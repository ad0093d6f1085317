"""Unwrapping happens elsewhere: the same charts, and the threads of this process go on."""

import threading
import time

import numpy as np
import pytest
import trimesh

from models.rendering import unwrapping
from models.rendering.unwrapping import _pack, _unpack, compute_charts, run_unwrapping


def mesh(subdivisions):
    ball = trimesh.creation.icosphere(subdivisions=subdivisions)
    return np.asarray(ball.vertices), np.asarray(ball.faces)


def test_another_process_gives_the_same_charts():
    here, there = (unwrap(*mesh(2), 64, 4) for unwrap in (compute_charts, run_unwrapping))
    assert here.keys() == there.keys() == {"source", "faces", "uv"}
    assert all(np.array_equal(here[name], there[name]) for name in here)


@pytest.mark.slow
def test_a_heartbeat_goes_on_beating_while_a_large_mesh_is_unwrapped():
    beats, over = [time.monotonic()], threading.Event()

    def beat():
        while not over.wait(0.02):
            beats.append(time.monotonic())

    heart = threading.Thread(target=beat)
    heart.start()
    start = time.monotonic()
    run_unwrapping(*mesh(5), 256, 4)
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
        with pytest.raises(error, match="unwrapping 320 faces failed: (ModuleNotFoundError: .*xatlass|ValueError: no)"):
            run_unwrapping(*mesh(2), 64, 4)
