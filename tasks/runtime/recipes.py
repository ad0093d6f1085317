"""What names the products: the whole recipe of a photo, of a crop and of a model.

The digest of a recipe is the name of what was made by it, so equal recipes make a thing once. A recipe holds nothing
that does not change its product: no device, no place, no count of what is wanted.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from models.core.category import Category, Words
from models.core.config import Config
from models.core.weights import NOT_STATED
from models.features import VitConfig
from models.filters import DuplicateRules, ImageRules, MaskRules
from models.generators import Generator
from models.methods import MethodConfig
from models.rendering import RendererConfig
from models.segmenters import SegmenterConfig
from tasks.inference.photo_listing import list_folder, pictures_digest


class Photographs(Config):
    """Somebody's own photos in the place of generated ones; their digest tells them from others, wherever they lie."""

    kind: Literal["folder"] = "folder"
    license: str = Field(default=NOT_STATED, description="terms on which whoever took them lets them be used")
    size: int = Field(default=256, ge=32, description="pixels along the longer side to which they are brought")


class OwnPhotos(Photographs):
    """The folder of somebody's own photos, with masks where they have them."""

    folder: str = Field(description="path on the machine of the worker; its sub-folders belong to it")

    @property
    def photographs(self) -> Photographs:
        """What names the products: without the folder's name, so a moved folder is the same data set."""
        return Photographs(license=self.license, size=self.size)

    def digest(self) -> str:
        """Digest of the pictures and masks in the folder. Raises ValueError if there is no such folder."""
        return pictures_digest(Path(self.folder))

    @field_validator("folder")
    @classmethod
    def _whole_path(cls, folder: str) -> str:
        """The same folder is the same recipe, however it was written."""
        return os.path.abspath(os.path.expanduser(folder))

    def check_available(self, device: str) -> None:
        """Raises ValueError if there is no such folder, or no picture in it."""
        if not Path(self.folder).is_dir():
            raise ValueError(f"own_photos.folder is {self.folder}, and there is no such folder; give the path of one")
        list_folder(Path(self.folder))


class PhotoRecipe(Config):
    """A shard of photos."""

    words: Words
    generator: Annotated[Generator | Photographs, Field(discriminator="kind")]
    weights_digest: str = Field(description="digest of the generator's weights, or of the photos")
    photos: int = Field(ge=1, description="photos per shard")


class CropRecipe(Config):
    """A shard of crops."""

    photos: PhotoRecipe
    segment_as: tuple[str, ...]
    segmenter: SegmenterConfig
    weights_digest: str = Field(description="digest of the segmenter's weights")
    image_rules: ImageRules
    mask_rules: MaskRules
    size: int = Field(ge=16, description="pixels along an edge of a crop")


class DuplicateRecipe(Config):
    """What a snapshot leaves out of its shards because it shows nothing new."""

    rules: DuplicateRules
    features: VitConfig
    weights_digest: str = Field(description="digest of the weights of the features")


class ModelRecipe(Config):
    """A model of a category; together with the snapshot that it learnt from."""

    category: Category
    method: MethodConfig
    weights_digests: dict[str, str] = Field(description="digests of the weights of the method's frozen parts")
    renderer: RendererConfig
