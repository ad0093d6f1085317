"""An animal that was handed out as a GLB, read again to be handed out otherwise."""

from dataclasses import fields
from pathlib import Path

from models.export.asset import Asset
from models.export.rigging import Clip
from storage.formats.glb_reading import ReadAsset, read_glb


def load_exported(file: Path) -> Asset:
    """The animal in a GLB of farm3d; in place of the pose of the photo, which the file lacks, its bind pose.

    Raises ValueError for any other file.
    """
    animal = read_glb(file.read_bytes(), str(file))
    parts = {part.name: getattr(animal, part.name) for part in fields(ReadAsset)}
    parts["clips"] = {name: Clip(**vars(clip)) for name, clip in animal.clips.items()}
    return Asset(posed=animal.vertices, **parts)
