"""What names the products: the whole recipe of a photo, of a crop and of a model.

The digest of a recipe is the name of what was made by it, so equal recipes make a thing once. A recipe holds nothing
that does not change its product: no device, no place, no count of what is wanted.
"""

from pydantic import Field

from models.animal import AnimalConfig
from models.category import Category, Words
from models.config import Config
from models.features import VitConfig
from models.filters import ImageRules, MaskRules
from models.generators import Generator
from models.methods import MethodConfig
from models.rendering import RendererConfig
from models.segmenters import SegmenterConfig
from models.training.loop import TrainingConfig
from models.warm_start import WarmStart


class PhotoRecipe(Config):
    """A shard of generated photos."""

    words: Words
    generator: Generator
    weights: str = Field(description="digest of the generator's weights")
    photos: int = Field(ge=1, description="photos per shard")


class CropRecipe(Config):
    """A shard of crops."""

    photos: PhotoRecipe
    segment_as: tuple[str, ...]
    segmenter: SegmenterConfig
    weights: str = Field(description="digest of the segmenter's weights")
    image_rules: ImageRules
    mask_rules: MaskRules
    size: int = Field(ge=16, description="pixels along an edge of a crop")


class ModelRecipe(Config):
    """A trained animal; together with the snapshot it was trained on."""

    category: Category
    animal: AnimalConfig
    features: VitConfig
    method: MethodConfig
    teacher: Generator
    warm_start: WarmStart | None = None
    weights: tuple[str, ...] = Field(description="digests of the weights of features, teacher and warm start")
    renderer: RendererConfig
    training: TrainingConfig
