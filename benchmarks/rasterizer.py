"""Our rasteriser beside deodr (C++, one thread): 8 views of an ellipsoid in colour, forward and backward.

    pip install deodr && OMP_NUM_THREADS=1 python benchmarks/rasterizer.py

Both get projected vertices and vertex colours; deodr's edge table is made beforehand, ours with every picture (in
training the connectivity changes at each step). Times are processor times, the best of many runs in turns.
"""

import logging
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import torch
import trimesh
from deodr.differentiable_renderer import Scene2D  # pyright: ignore[reportMissingImports]
from deodr.triangulated_mesh import TriMesh  # pyright: ignore[reportMissingImports]

from models.geometry.cameras import look_at
from models.rendering import Reference
from models.rendering.screen import to_screen

BATCH, SIZE, RUNS = 8, 128, 25


def ours(clip: torch.Tensor, faces: torch.Tensor, colors: torch.Tensor) -> dict[str, Callable[[], Any]]:
    """Our stages: coverage alone, the whole picture, and the picture with its gradient."""
    renderer = Reference()
    leaf, paint = clip.requires_grad_(), colors.requires_grad_()

    def picture() -> torch.Tensor:
        fragments = renderer.rasterize(leaf, faces, SIZE)
        return renderer.antialias(renderer.interpolate(paint, fragments, faces), fragments, leaf, faces)

    def rasterize() -> torch.Tensor:
        with torch.no_grad():
            return renderer.rasterize(leaf, faces, SIZE).face

    return {
        "rasterize": rasterize,
        "forward": lambda: picture().detach(),
        "forward + backward": lambda: torch.autograd.grad(picture().square().sum(), (leaf, paint)),
    }


def theirs(clip: torch.Tensor, faces: torch.Tensor, colors: torch.Tensor) -> dict[str, Callable[[], Any]]:
    """The same stages by deodr, one image after the other; its coverage alone has no antialiasing (sigma 0)."""
    x, y = (axis.view(BATCH, -1).double().numpy() for axis in to_screen(clip.detach(), SIZE))
    points, depth = np.stack((x, y), -1), clip[..., 3].detach().double().numpy()
    triangles, paint = faces.numpy().astype(np.uint32), colors[0].detach().double().numpy()
    mesh = TriMesh(triangles, np.zeros((len(paint), 3)))

    def scene(image: int, edges: bool) -> Scene2D:
        none = np.zeros(len(triangles), bool)
        silhouette = mesh.edge_on_silhouette(points[image]) if edges else np.zeros((len(triangles), 3), bool)
        return Scene2D(
            triangles, triangles, points[image], depth[image], none, np.zeros((len(paint), 2)), np.zeros(len(paint)),
            paint, none, silhouette, SIZE, SIZE, 3, np.zeros((0, 0)), background_color=np.zeros(3),
            backface_culling=True,
        )  # fmt: skip

    def both_ways() -> None:
        for image in range(BATCH):
            one = scene(image, True)
            picture, _ = one.render(1)
            one.render_backward(2 * picture)

    return {
        "rasterize": lambda: [scene(image, False).render(0) for image in range(BATCH)],
        "forward": lambda: [scene(image, True).render(1)[0] for image in range(BATCH)],
        "forward + backward": both_ways,
    }


def best(stages: list[Callable[[], object]]) -> list[float]:
    """Shortest processor time of each in milliseconds; in turns, so that a busy machine slows all alike."""
    times = [[0.0] * len(stages) for _ in range(RUNS)]
    for run in times:
        for number, stage in enumerate(stages):
            start = process_time()
            stage()
            run[number] = 1e3 * (process_time() - start)
    return np.min(times[1:], axis=0).tolist()


def main() -> None:
    """Log one line per mesh size and stage, and how far the two pictures differ."""
    log = logging.getLogger("rasterizer")
    for subdivisions in (3, 4, 5):
        sphere = trimesh.creation.icosphere(subdivisions)
        faces = torch.from_numpy(np.array(sphere.faces))
        body = torch.from_numpy(np.array(sphere.vertices)).float() * torch.tensor([0.8, 1.0, 1.6])
        camera = look_at(torch.linspace(-3, 3, BATCH), torch.linspace(-0.2, 0.5, BATCH))
        args = camera.to_clip(body.expand(BATCH, -1, -1)), faces, body[None] * 0.25 + 0.5
        mine, other = ours(*args), theirs(*args)
        apart = np.abs(np.stack(other["forward"]()) - mine["forward"]().numpy()).mean()
        log.info("%d faces x %d at %d px: mean difference of the pictures %.4f", len(faces), BATCH, SIZE, apart)
        for stage in mine:
            a, b = best([mine[stage], other[stage]])
            log.info("  %-18s ours %6.1f ms, deodr %6.1f ms, ratio %.2f", stage, a, b, a / b)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    main()
