"""A folder of photos, those of its sub-folders too, to a folder of animals, as files that other programs read.

NAME.obj             the posed mesh in the object frame: y up, head at +z
NAME_mask.png        its silhouette in the photo
NAME.json            camera, light, crop box, and the digest of the weights
NAME_vertices.npz    `pixels` (vertices, 2): columns and rows in the photo; `visible` (vertices,)
NAME_overlay.jpg     the silhouette over the photo
NAME_views.jpg       the animal from its front, sides and back

All animals of one model have the same vertices in the same order, so a point is carried from one photo to another by
its vertex.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import degrees
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.core.errors import Farm3dError
from models.data.crops import Crops
from models.data.framing import AnimalCrop
from models.export import film
from models.export.photo_frame import Frame
from models.methods.magicpony.reconstructor import AnimalReconstructor, picked
from models.methods.magicpony.state import Prediction
from models.metrics.keypoints import visible_vertices
from models.rendering.deferred import visible_faces
from storage.formats.meshes import plain_obj
from storage.formats.pictures import jpeg, png
from storage.store import files
from tasks.inference.image_io import opened, pictures
from tasks.inference.select import SelectedModel, cropped, select_model
from tasks.runtime.devices import Device, place, torch_device

TOGETHER = 8
VIEW_PX = 192
AZIMUTHS = (0.4, 1.97, 3.54, 5.11)
"""Of the novel views, in radians."""
VISIBLE_PX = 256
"""Pixels of the crop on which visibility is decided: a vertex is visible if one of its faces owns a pixel."""
TINT = (60, 220, 90)
CAMERA = "OpenGL axes: x right, y up, looks along -z; u = cx - fx x / z, v = cy + fy y / z"


@dataclass(frozen=True)
class Photo:
    """One picture and the animal cut out of it."""

    name: str
    """From the folder on, without its ending."""
    pixels: np.ndarray
    crop: AnimalCrop


def reconstruct_folder(
    folder: Path, output: Path, category: str, root: str, device: Device = "auto", refine: bool = True
) -> Iterator[tuple[str, str | None]]:
    """Write every photo's animal; yields names in the folder with None, or with the reason why one was skipped.

    Animals are fitted to their masks, or left as predicted.

    Raises ValueError if there is no picture or `output` lies in `folder`, MissingModel if a named run has no release.
    """
    if output.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{output}: lies in {folder} and would be read as photos next time; give a folder beside it")
    chosen, photos, named = select_model(category, root), pictures(folder), dict[str, Path]()
    with place(device) as where:
        ours = chosen.load(where, refine)
        about: dict[str, object] = {"model": chosen.name, "weights": chosen.weights_digest, "refined": refine}
        for start in range(0, len(photos), TOGETHER):
            found: list[Photo] = []
            for path in photos[start : start + TOGETHER]:
                file = path.relative_to(folder)
                name = file.with_suffix("").as_posix()
                try:
                    found.append(_photo(path, name, named.setdefault(name, path), chosen, where))
                except (ValueError, Farm3dError) as error:
                    yield file.as_posix(), str(error)
            if found:
                _write(found, ours, chosen.size, output, where, about)
            yield from ((each.name, None) for each in found)


def _photo(path: Path, name: str, first: Path, chosen: SelectedModel, where: str) -> Photo:
    """The picture, if it is the first of its name."""
    if path != first:
        raise ValueError(f"{path}: its animal would have the files of {first.name}; rename one of the two")
    pixels, mask = opened(path)
    return Photo(name, pixels, cropped(pixels, chosen.recipe, where, mask))


def _write(
    photos: Sequence[Photo], ours: AnimalReconstructor, size: int, output: Path, where: str, about: dict[str, object]
) -> None:
    samples: Any = [each.crop for each in photos]
    batch = Crops(samples, size, torch_device(where)).batch(torch.arange(len(samples)))
    prediction = ours.predict(batch)
    clip, faces = prediction.camera.to_clip(prediction.mesh.vertices), prediction.mesh.faces
    seen = visible_faces(ours.renderer.rasterize(clip, faces, VISIBLE_PX).face, len(faces)).cpu().numpy()
    for row, photo in enumerate(photos):
        contents = _files(photo, ours, picked(prediction, row), seen[row], about)
        for name, data in contents.items():
            files.put(str(output / f"{photo.name}{name}"), data)


def _files(
    photo: Photo, ours: AnimalReconstructor, one: Prediction, seen: np.ndarray, about: dict[str, object]
) -> dict[str, bytes]:
    height, width = photo.pixels.shape[:2]
    frame = Frame(width, height, photo.crop.box)
    vertices, faces = one.mesh.vertices, one.mesh.faces
    mask = frame.silhouette(ours.renderer, one.mesh, one.camera).cpu().numpy()
    pixels = frame.pixels(one.camera.project(vertices)[0]).cpu().numpy().astype(np.float32)
    visible = visible_vertices(faces.cpu().numpy(), seen, vertices.shape[1])
    tinted = np.where(mask[..., None], (photo.pixels // 2 + np.array(TINT, np.uint8) // 2), photo.pixels)
    points = BytesIO()
    np.savez_compressed(points, pixels=pixels, visible=visible)
    said = {
        "T_camera_world": one.camera.T_camera_world[0].tolist(),
        "intrinsics": {**frame.intrinsics(one.camera.fov), "width": width, "height": height},
        "camera": CAMERA,
        "azimuth_deg": degrees(one.camera.azimuth.item()),
        "elevation_deg": degrees(one.camera.elevation.item()),
        "light": {
            "direction_camera": one.light.direction[0].tolist(),
            "ambient": one.light.ambient.item(),
            "diffuse": one.light.diffuse.item(),
        },
        "crop": dict(zip(("x", "y", "width", "height"), photo.crop.box, strict=True)),
        **about,
    }
    return {
        ".obj": plain_obj(vertices[0].cpu().numpy(), faces.cpu().numpy()),
        "_mask.png": png(mask.astype(np.uint8) * 255),
        ".json": json.dumps(said, indent=1).encode(),
        "_vertices.npz": points.getvalue(),
        "_overlay.jpg": jpeg(tinted.astype(np.uint8)),
        "_views.jpg": jpeg(_views(ours, one)),
    }


def _views(ours: AnimalReconstructor, one: Prediction) -> np.ndarray:
    many = picked(one, 0, len(AZIMUTHS))
    shown = ours.render(many, VIEW_PX, film.framed(many, torch.tensor(AZIMUTHS)), film.studio(len(AZIMUTHS)))
    return np.concatenate(list(film.on_white(shown)), 1)
