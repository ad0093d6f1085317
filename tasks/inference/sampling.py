"""Animals of no photo, out of the releases of methods that can make them."""

from collections.abc import Mapping

import numpy as np
import torch

from models.core.errors import MissingModel
from models.rendering.reconstruction import Reconstruction, Renderable, Sampler, Textured
from storage.formats.meshes import plain_glb
from storage.formats.pictures import jpeg
from storage.runs.releases import select_release_of_each_method
from storage.store.layout import Store
from tasks.inference.loading import reconstructor
from tasks.runtime.devices import Device, acquire_device

SHEET = "sheet.jpg"
COLUMNS = 4
"""Animals in a row of the sheet."""
GREY = 0.85
"""Of the sheet, behind the animals."""


def sample_animals(name: str, count: int, seed: int, size: int, root: str, device: Device = "auto") -> dict[str, bytes]:
    """GLBs of animals of no photo, and one sheet with a picture of each, by their file names.

    `name` is METHOD/CATEGORY, as meshinversion/cow.

    Raises MissingModel if that method has no release of the category, ValueError if it cannot make samples.
    """
    method, _, category = name.partition("/")
    releases = select_release_of_each_method(Store(root), category)
    if method not in releases:
        there = f"there are those of {', '.join(sorted(releases))}" if releases else "there is none"
        raise MissingModel(
            f"{root}: no release of method {method!r} of {category!r}, {there}; "
            f"make one with `prefect deployment run {name}`"
        )
    model = Store(root).model(category, releases[method].ref.run)
    with acquire_device(device) as where:
        sampler = reconstructor(model, where)
        if not isinstance(sampler, Sampler):
            raise ValueError(
                f"method {method} answers photos and makes no samples; take one that does, as meshinversion/{category}"
            )
        animals = sampler.sample(count, seed)
    names = [f"{category}-{number + 1}.glb" for number in range(count)]
    return {SHEET: sheet(animals, size), **{names[row]: colour_glb(animals, row) for row in range(count)}}


def colour_glb(animals: Reconstruction, row: int, origin: Mapping[str, str] | None = None) -> bytes:
    """One surface as binary glTF, with a colour at each vertex where the method knows colours.

    Raises ValueError if there is no surface.
    """
    mesh = animals.mesh(row)
    if mesh is None:
        raise ValueError(f"animal {row + 1} of {len(animals)} has no surface; give another seed")
    return plain_glb(mesh.vertices[0].cpu().numpy(), mesh.faces.cpu().numpy(), vertex_colours(animals, row), origin)


@torch.no_grad()
def vertex_colours(animals: Reconstruction, row: int) -> np.ndarray | None:
    """Red, green and blue at each vertex of one surface; None where the method has no colours."""
    if not isinstance(animals, Textured):
        return None
    points = animals.canonical()
    image = torch.full((len(points),), row, device=points.device)
    return (animals.albedo(points, image).clamp(0, 1) * 255).round().byte().cpu().numpy()


def sheet(animals: Reconstruction, size: int) -> bytes:
    """All of them in rows on grey, as JPEG.

    Raises ValueError if they cannot be drawn.
    """
    if not isinstance(animals, Renderable):
        raise ValueError(f"a {type(animals).__name__} cannot be drawn; take another method")
    drawn = animals.render(size)
    pictures = (drawn.rgb + GREY * (1 - drawn.mask[..., None])).clamp(0, 1).cpu().numpy()
    columns = min(COLUMNS, len(pictures))
    missing = -len(pictures) % columns
    filled = np.concatenate((pictures, np.full((missing, *pictures.shape[1:]), GREY, np.float32)))
    rows = filled.reshape(-1, columns, size, size, 3).swapaxes(1, 2).reshape(-1, columns * size, 3)
    return jpeg((rows * 255).astype(np.uint8))
