"""xatlas in a process of its own: it keeps Python's lock while it works, and every other thread would stand still.

Run as a program, with nothing of the farm imported: a mesh comes in as .npz, and an atlas goes out.
"""

import subprocess
import sys
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy import ndarray

Charts = dict[str, Shaped[ndarray, "rows *columns"]]
"""`source`, `faces` and `uv` of an atlas."""


def run_unwrapping(
    vertices: Float[ndarray, "vertices 3"], faces: Int[ndarray, "faces 3"], size: int, padding: int
) -> Charts:
    """What `compute_charts` answers, computed by another process; it is stopped with this one.

    Raises ModuleNotFoundError without xatlas, RuntimeError with its last words if it dies.
    """
    mesh = _pack(vertices=vertices, faces=faces, size=np.array(size), padding=np.array(padding))
    # -P: this file's folder has a module `types`, which would take the place of Python's own.
    command = [sys.executable, "-P", __file__]
    process = subprocess.run(command, input=mesh, capture_output=True, check=False)
    if process.returncode:
        *_, last = process.stderr.decode(errors="replace").strip().splitlines() or [f"exit {process.returncode}"]
        failure = ModuleNotFoundError if last.startswith("ModuleNotFoundError") else RuntimeError
        raise failure(f"unwrapping {len(faces)} faces failed: {last}")
    return _unpack(process.stdout)


def compute_charts(
    vertices: Float[ndarray, "vertices 3"], faces: Int[ndarray, "faces 3"], size: int, padding: int
) -> Charts:
    """Charts that do not overlap, with `padding` texels between them at a texture of `size`."""
    import xatlas

    atlas: Any = xatlas.Atlas()
    atlas.add_mesh(vertices.astype(np.float32), faces.astype(np.uint32))
    packing: Any = xatlas.PackOptions()
    packing.resolution, packing.padding = size, padding
    atlas.generate(xatlas.ChartOptions(), packing)
    source, corners, uv = atlas[0]
    return {"source": source.astype(np.int64), "faces": corners.astype(np.int64), "uv": uv}


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
    mesh = _unpack(sys.stdin.buffer.read())
    charts = compute_charts(mesh["vertices"], mesh["faces"], int(mesh["size"]), int(mesh["padding"]))
    sys.stdout.buffer.write(_pack(**charts))


if __name__ == "__main__":
    main()
