"""xatlas in a process of its own: it keeps Python's lock while it works, and every other thread would stand still.

Run as a program, with nothing of the farm imported: flat charts come in as .npz, and their places go out.
"""

import subprocess
import sys
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

COARSE = 256
"""Texels along an edge at which every place is tried for a chart; finer, that takes minutes."""
SQUAREST = 0.85
"""Sides of the charts' room, the shorter over the longer, at least: texels may be so much longer than they are wide."""
TURNS = 7
"""Directions of the charts that are tried; in the first, each lies along its own longest side."""


def run_packing(
    flat: Float[ndarray, "corners 2"], faces: Int[ndarray, "faces 3"], size: int, padding: int
) -> Float[ndarray, "corners 2"]:
    """What `pack_charts` answers, computed by another process; it is stopped with this one.

    Raises ModuleNotFoundError without xatlas, RuntimeError with its last words if it dies.
    """
    charts = _pack(flat=flat, faces=faces, size=np.array(size), padding=np.array(padding))
    # -P: this file's folder has a module `types`, which would take the place of Python's own.
    command = [sys.executable, "-P", __file__]
    process = subprocess.run(command, input=charts, capture_output=True, check=False)
    if process.returncode:
        *_, last = process.stderr.decode(errors="replace").strip().splitlines() or [f"exit {process.returncode}"]
        failure = ModuleNotFoundError if last.startswith("ModuleNotFoundError") else RuntimeError
        raise failure(f"packing the charts of {len(faces)} faces failed: {last}")
    return _unpack(process.stdout)["uv"]


def pack_charts(
    flat: Float[ndarray, "corners 2"], faces: Int[ndarray, "faces 3"], size: int, padding: int
) -> Float[ndarray, "corners 2"]:
    """Places in the unit square for charts that share no corner, `padding` texels apart at a texture of `size`.

    The square may be stretched along one side, by up to a factor of 1 / `SQUAREST`.
    """
    import xatlas

    coarse = min(size, COARSE)
    flat = flat * coarse / max(float(_areas(flat[faces]).sum()), 1e-12) ** 0.5  # xatlas drops faces of a small area
    best, most = flat, (False, -1.0)
    for turn in np.arange(TURNS) * np.pi / 2 / TURNS:
        turned = flat @ np.array(((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))))
        atlas: Any = xatlas.Atlas()
        atlas.add_uv_mesh(turned.astype(np.float32), faces.astype(np.uint32))
        packing: Any = xatlas.PackOptions()
        packing.resolution, packing.padding = coarse, max(1, round(padding * coarse / size))
        packing.bruteForce, packing.rotate_charts_to_axis = True, turn == 0
        atlas.generate(xatlas.ChartOptions(), packing)
        source, _, places = atlas[0]
        texels = np.zeros((len(flat), 2))
        texels[source] = places * (atlas.width, atlas.height)
        extent = texels.max(0) + packing.padding / 2
        uv = texels / extent
        used = (bool(extent.min() > SQUAREST * extent.max()), float(_areas(uv[faces]).sum()))
        best, most = (uv, used) if used > most else (best, most)
    return best


def _areas(triangles: Float[ndarray, "faces 3 2"]) -> Float[ndarray, " faces"]:
    return np.abs(np.linalg.det(triangles[:, 1:] - triangles[:, :1])) / 2


def _pack(**arrays: ndarray) -> bytes:
    """Arrays by name as one file."""
    file = BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpack(data: bytes) -> dict[str, ndarray]:
    """What `_pack` made of arrays."""
    with np.load(BytesIO(data)) as file:
        return dict(file)


def main() -> None:
    """From the standard input to the standard output."""
    charts = _unpack(sys.stdin.buffer.read())
    uv = pack_charts(charts["flat"], charts["faces"], int(charts["size"]), int(charts["padding"]))
    sys.stdout.buffer.write(_pack(uv=uv))


if __name__ == "__main__":
    main()
