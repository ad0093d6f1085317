"""Animals from photos, in Python.

    import farm3d

    model = farm3d.load("cow")
    animal = model.reconstruct("samples/cow.jpg")
    animal.render(azimuth=90).save("side.png")
    animal.export("cow.glb")

`load` takes the best release of an animal that this farm has made, or one that ships with it. Whatever the caller can
mend is a ValueError or an error of `models.core.errors`, in one sentence. A call waits until a device of the machine is
free; torch is set to one thread.

The same module is the command `farm3d`, also as `python -m farm3d`.
"""

import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from tasks.inference.select import Answer, SelectedModel
    from tasks.runtime.devices import Device

    Photo = str | PathLike[str] | Image | np.ndarray

__all__ = ["load", "Model", "Animal"]

PACKAGES = ("flows", "tasks", "models", "storage")
BATCH_SIZE = 8


def load(category: str = "cow", root: str = "data", *, device: "Device" = "auto", refine: bool = True) -> "Model":
    """The model that answers for a category.

    Args:
        category: an animal, as cow; or one release of it, as cow/farm3d-laptop-0123456789abcdef
        root: folder or address of all data, as data or s3://bucket/farm3d
        device: auto, cpu or cuda; auto takes a GPU where there is one
        refine: fit pose, colours and coat to each photo and its mask; slower, and closer to the photo

    Raises ValueError for an unknown category or device, MissingModel for a release that is not there.
    """
    _check_packages()
    from flows.plan.checks import check_name
    from tasks.inference.select import select_model
    from tasks.runtime.devices import device_kind

    if not isinstance(category, str):
        raise ValueError(f"category is {category!r}; give a name, as cow")  # noqa: TRY004 - what a caller can mend
    device_kind(device)
    check_name(category, root)
    return Model(select_model(category, root), device, refine)


class Model:
    """Reconstructs animals of one category. `farm3d.load` makes it."""

    def __init__(self, selected: "SelectedModel", device: "Device", refine: bool) -> None:
        """Weights are read at the first photo."""
        self._selected, self._refine = selected, refine
        self._device: Device = device
        self._loaded: dict[str, Any] = {}

    def __repr__(self) -> str:
        """The animal, and the run that trained the model."""
        return f"<farm3d model of {self._selected.category}: {self.name}>"

    @property
    def name(self) -> str:
        """The training run, or the embedded model, whose weights answer."""
        return self._selected.name

    def reconstruct(self, photo: "Photo", mask: "np.ndarray | None" = None) -> "Animal":
        """The animal in one photo.

        Args:
            photo: a file; a PIL image; or an array (height, width, 3) of RGB bytes, upright
            mask: (height, width), true on the animal; else what the file says of it, else what the segmenter finds

        Raises ValueError for a file that is no picture, NothingKept if no animal was found.
        """
        (animal,) = self._reconstruct([(photo, mask)])
        return animal

    def reconstruct_batch(self, photos: "Iterable[Photo]") -> "list[Animal]":
        """The animals in several photos, in their order, computed eight at a time.

        Raises as `reconstruct` does, at the first photo that cannot be answered.
        """
        if isinstance(photos, str | PathLike):
            raise ValueError(f"photos is the one path {photos}; give several in a list, or ask `reconstruct`")
        pairs = [(photo, None) for photo in photos]
        starts = range(0, len(pairs), BATCH_SIZE)
        return [animal for start in starts for animal in self._reconstruct(pairs[start : start + BATCH_SIZE])]

    def _reconstruct(self, photos: "Sequence[tuple[Photo, np.ndarray | None]]") -> "list[Animal]":
        from models.data.crops import collate
        from tasks.inference.photo_answer import PhotoAnswer, dress_answer
        from tasks.inference.select import crop_photo
        from tasks.runtime.devices import acquire_device, torch_device

        chosen = self._selected
        images = [_read_photo(photo, mask) for photo, mask in photos]
        with acquire_device(self._device) as where:
            if where not in self._loaded:
                self._loaded[where] = chosen.load(where, self._refine)
            crops = [crop_photo(pixels, chosen.crops, where, mask) for pixels, mask in images]
            answers = self._loaded[where].predict(collate(crops, chosen.size, torch_device(where)))
            renderer, animals = chosen.renderer(where), [answers.pick(row) for row in range(len(crops))]
            if self._refine:
                triples = zip(animals, images, crops, strict=True)
                animals = [dress_answer(animal, renderer, pixels, crop) for animal, (pixels, _), crop in triples]
        return [Animal(PhotoAnswer(chosen.category, animal, renderer, chosen)) for animal in animals]


class Animal:
    """One reconstructed animal. `Model.reconstruct` makes it."""

    def __init__(self, answer: "Answer") -> None:
        """What a model made of one photo."""
        self._answer = answer

    @property
    def vertices(self) -> "np.ndarray":
        """(vertices, 3) in the pose of the photo: x to one side, y up, head at +z; an animal is 4 to 6 long."""
        return self._mesh().vertices[0].cpu().numpy()

    @property
    def faces(self) -> "np.ndarray":
        """(faces, 3): rows of `vertices`, the same for all photos of one model; not those of Mesh R-CNN."""
        return self._mesh().faces.cpu().numpy()

    def render(self, azimuth: float | None = None, size: int = 256) -> "Image":
        """A picture of the animal on white.

        Args:
            azimuth: of the camera in degrees: 0 faces the head, 90 and -90 the sides, 180 the tail; None: the photo's
                own view and light
            size: pixels along an edge
        """
        import torch
        from PIL import Image

        from models.export import film

        answer = self._answer.reconstruction
        if not film.is_drawable(answer):
            raise ValueError("the method of this model cannot draw its answers; load another release")
        _check_range("size", size, 4096)
        if azimuth is not None and not isfinite(azimuth):
            raise ValueError(f"azimuth is {azimuth}; give degrees, or leave it out")
        with torch.no_grad():
            if azimuth is None:
                picture = answer.render(size)
            else:
                camera = film.framed(answer, torch.tensor([azimuth]).deg2rad())
                picture = answer.render(size, camera, film.studio(1))
        return Image.fromarray(film.on_white(picture)[0])

    def export(self, file: str | PathLike[str], texture: int = 1024, age: str = "grown") -> list[Path]:
        """Write the animal, and say which files that are.

        Args:
            file: NAME.glb, NAME.usdz or NAME.fbx, rigged with clips; NAME.obj, in the pose of the photo with material
                and texture beside it; NAME.ply, in that pose with colours at its vertices; where the method gives no
                rig, NAME.glb or NAME.obj with its mesh
            texture: texels along an edge of the texture
            age: how large the animal is: an age of its category, as grown or young

        Raises ValueError for another ending or age, where the method gives no mesh, for USDZ without usd-core and for
        FBX without Blender.
        """
        from flows.plan.categories import shoulder_height
        from storage.store.files import put
        from tasks.inference.answer_files import check_format, check_writable, encode_asset, encode_plain

        output = Path(file)
        _check_range("texture", texture, 8192)
        check_format(output)
        check_writable(output)
        height = shoulder_height(self._answer.name.partition("/")[0], age)
        one = self._answer
        contents = encode_asset(one.asset(texture, height), output) if one.is_rigged else encode_plain(one, output)
        for path, data in contents.items():
            put(str(path), data)
        return list(contents)

    def _mesh(self) -> Any:  # noqa: ANN401 - a mesh of models.geometry, which is not imported before it is needed
        mesh = self._answer.reconstruction.mesh(0)
        if mesh is None:
            raise ValueError("the method of this model gives no mesh; load another release")
        return mesh


def _read_photo(photo: "Photo", mask: "np.ndarray | None") -> "tuple[np.ndarray, np.ndarray | None]":
    """Pixels, and the mask that was given or lies in or beside the file."""
    import numpy as np
    from PIL import Image

    from tasks.inference.image_io import load_image

    if isinstance(photo, str | PathLike):
        pixels, beside = load_image(Path(photo))
    else:
        pixels, beside = np.asarray(photo.convert("RGB") if isinstance(photo, Image.Image) else photo), None
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"photo is an array {pixels.shape} of {pixels.dtype}; give RGB bytes (height, width, 3)")
    chosen = beside if mask is None else np.asarray(mask, bool)
    if chosen is not None and chosen.shape != pixels.shape[:2]:
        raise ValueError(f"mask is {chosen.shape} and the photo {pixels.shape[:2]}; give one of the same size")
    if chosen is not None and not chosen.any():
        raise ValueError("mask is false everywhere; make it true on the animal, or leave it out")
    return pixels, chosen


def _check_range(name: str, value: int, most: int) -> None:
    if not 16 <= value <= most:
        raise ValueError(f"{name} is {value}; give 16 to {most}")


def find_intruder() -> str | None:
    """Another project's package in the place of one of ours, in one sentence."""
    for name in PACKAGES:
        spec = find_spec(name)
        where = Path(spec.origin).resolve() if spec and spec.origin else None
        if where is None or where.parent.parent != Path(__file__).resolve().parent:
            other = where.parent if where else "missing"
            return f"package {name!r} of farm3d is {other}; take that out of PYTHONPATH, or install farm3d on its own"
    return None


def _check_packages() -> None:
    """The packages have plain names: where PYTHONPATH puts another `models` first, that one would be imported."""
    if intruder := find_intruder():
        raise ImportError(intruder)


def main() -> None:
    """Run a command."""
    if intruder := find_intruder():
        raise SystemExit(f"error: {intruder}")
    from flows.cli.main import main as run_command

    run_command()


if __name__ == "__main__":
    sys.exit(main())
