"""A folder of photos, those of its sub-folders too, to a folder of animals, as files that other programs read.

NAME.obj             the posed mesh in the object frame: y up, head at +z
NAME_mask.png        its silhouette in the photo
NAME.json            camera, light, crop box, and the digest of the weights
NAME_vertices.npz    `pixels` (vertices, 2): columns and rows in the photo; `visible` (vertices,)
NAME_overlay.jpg     the silhouette over the photo
NAME_views.jpg       the animal from its front, sides and back

Where a photo shows several animals, NAME is the photo's with -1, -2 and so on, from left to right; a number that would
make the name of another photo of the folder is left out.

All animals of one model have the same vertices in the same order, so a point is carried from one photo to another by
its vertex; not those of Mesh R-CNN, whose surfaces are cut out of voxels.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import degrees
from pathlib import Path
from typing import Protocol, TypeGuard

import numpy as np
import torch

from models.core.errors import Farm3dError
from models.data.crops import collate
from models.data.framing import AnimalCrop
from models.export import film
from models.export.photo_frame import Frame
from models.geometry.cameras import PerspectiveCamera
from models.metrics.keypoints import visible_vertices
from models.rendering import Renderer
from models.rendering.deferred import visible_faces
from models.rendering.reconstruction import Reconstruction, Reconstructor, Relightable, Renderable
from models.segmenters import TransformersConfig
from storage.formats.meshes import plain_obj
from storage.formats.pictures import jpeg, png
from tasks.inference.answer_files import check_writable, describe_failure, names_of_animals, write_answer
from tasks.inference.image_io import load_image
from tasks.inference.photo_listing import Listing
from tasks.inference.select import SelectedModel, crop_animals, select_model
from tasks.runtime.devices import Device, acquire_device, cached_model, torch_device

BATCH_SIZE = 8
BATCH_PIXELS = 16_000_000
"""Photos of together so many pixels are predicted before the next one is read."""
STRIP_ROWS = 512
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
    path: Path
    pixels: np.ndarray
    crop: AnimalCrop


def reconstruct_folder(
    listing: Listing,
    output: Path,
    category: str,
    root: str,
    device: Device = "auto",
    refine: bool = True,
    segmenter: TransformersConfig | None = None,
) -> Iterator[tuple[str, str | None]]:
    """Write every photo's animal; yields names in the folder with None, or with the reason why one was skipped.

    Animals are fitted to their masks, or left as predicted. `segmenter` finds them in place of the model's own one.

    Raises ValueError if `output` lies in the folder, MissingModel if a named run has no release.
    """
    folder = listing.folder
    if output.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{output}: lies in {folder} and would be read as photos next time; give a folder beside it")
    check_writable(output / "photo")
    chosen = select_model(category, root, segmenter)
    names = {path: path.relative_to(folder).with_suffix("").as_posix() for path in listing.pictures}
    # Of two photos of one name the first has it.
    named = {name: path for path, name in reversed(names.items())}
    with acquire_device(device) as where:
        if segmenter:
            cached_model(segmenter, where)
        about: dict[str, object] = {"model": chosen.name, "weights": chosen.weights_digests, "refined": refine}
        model, renderer = chosen.load(where, refine), chosen.renderer(where)
        writer = _Writer(model, renderer, chosen.size, output, torch_device(where), about)
        batch: list[Photo] = []
        for path, name in names.items():
            try:
                batch += _photos(path, name, named, chosen, where)
            except (ValueError, Farm3dError, OSError) as error:
                yield path.relative_to(folder).as_posix(), describe_failure(path, error)
            if len(batch) >= BATCH_SIZE or sum(photo.pixels.size // 3 for photo in batch) >= BATCH_PIXELS:
                yield from writer.write(batch)
                batch = []
        yield from writer.write(batch)


def _photos(path: Path, name: str, named: Mapping[str, Path], chosen: SelectedModel, where: str) -> list[Photo]:
    """The animals of a picture, unless its name is that of another one; `named` are all pictures by their names."""
    if named[name] != path:
        raise ValueError(f"{path}: its animal would have the files of {named[name].name}; rename one of the two")
    pixels, mask = load_image(path)
    crops = crop_animals(pixels, chosen.crops, where, mask)
    names = names_of_animals(name, len(crops), named)
    return [Photo(one, path, pixels, crop) for one, crop in zip(names, crops, strict=True)]


class Drawn(Reconstruction, Renderable, Relightable, Protocol):
    """An answer with a surface, a camera and a light."""


def _is_drawn(reconstruction: Reconstruction) -> TypeGuard[Drawn]:
    return isinstance(reconstruction, Renderable) and isinstance(reconstruction, Relightable)


@dataclass(frozen=True)
class _Writer:
    """Predicts photos and writes their files."""

    model: Reconstructor
    renderer: Renderer
    size: int
    output: Path
    device: torch.device
    about: dict[str, object]

    def write(self, photos: Sequence[Photo]) -> Iterator[tuple[str, str | None]]:
        """The files of some photos, predicted together; their names with None, or with why nothing was written."""
        if not photos:
            return
        batch = collate([photo.crop for photo in photos], self.size, self.device)
        reconstruction = self.model.predict(batch)
        for row, photo in enumerate(photos):
            try:
                contents = self._files(photo, reconstruction.pick(row))
                write_answer({self.output / f"{photo.name}{end}": data for end, data in contents.items()}, photo.path)
            except (ValueError, OSError) as error:
                yield photo.name, describe_failure(photo.path, error)
            else:
                yield photo.name, None

    def _files(self, photo: Photo, one: Reconstruction) -> dict[str, bytes]:
        mesh, camera = one.mesh(0), one.camera
        if mesh is None and camera is not None:
            raise ValueError(f"{photo.path}: {self.about['model']} found no surface in it; take another photo or run")
        if mesh is None or not isinstance(camera, PerspectiveCamera) or not _is_drawn(one):
            raise ValueError(
                f"{self.about['model']}: its method gives no mesh with a camera and a light; choose another run"
            )
        height, width = photo.pixels.shape[:2]
        frame = Frame(width, height, photo.crop.box)
        vertices, faces = mesh.vertices, mesh.faces
        fragments = self.renderer.rasterize(camera.to_clip(vertices), faces, VISIBLE_PX)
        visible_face = visible_faces(fragments.face, len(faces))[0].cpu().numpy()
        mask = frame.silhouette(self.renderer, mesh, camera).cpu().numpy()
        pixels = frame.pixels(camera.project(vertices)[0]).cpu().numpy().astype(np.float32)
        visible = visible_vertices(faces.cpu().numpy(), visible_face, vertices.shape[1])
        points = BytesIO()
        np.savez_compressed(points, pixels=pixels, visible=visible)
        description = {
            "T_camera_world": camera.T_camera_world[0].tolist(),
            "intrinsics": {**frame.intrinsics(camera.fov), "width": width, "height": height},
            "camera": CAMERA,
            "azimuth_deg": degrees(camera.azimuth.item()),
            "elevation_deg": degrees(camera.elevation.item()),
            "light": {
                "direction_camera": one.light.direction[0].tolist(),
                "ambient": one.light.ambient.item(),
                "diffuse": one.light.diffuse.item(),
            },
            "crop": dict(zip(("x", "y", "width", "height"), photo.crop.box, strict=True)),
            **self.about,
        }
        return {
            ".obj": plain_obj(vertices[0].cpu().numpy(), faces.cpu().numpy()),
            "_mask.png": png(mask.astype(np.uint8) * 255),
            ".json": json.dumps(description, indent=1).encode(),
            "_vertices.npz": points.getvalue(),
            "_overlay.jpg": jpeg(_tinted(photo.pixels, mask)),
            "_views.jpg": jpeg(_views(one)),
        }


def _tinted(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo with a colour over its animal; strip by strip, for a photo may have forty million pixels."""
    tinted = pixels.copy()
    for start in range(0, len(pixels), STRIP_ROWS):
        strip, inside = tinted[start : start + STRIP_ROWS], mask[start : start + STRIP_ROWS]
        strip[inside] = strip[inside] // 2 + np.array(TINT, np.uint8) // 2
    return tinted


def _views(one: Drawn) -> np.ndarray:
    many = one.pick(0, len(AZIMUTHS))
    shown = many.render(VIEW_PX, film.framed(many, torch.tensor(AZIMUTHS)), film.studio(len(AZIMUTHS)))
    return np.concatenate(list(film.on_white(shown)), 1)
