"""Which pictures are kept: a rule answers None, or the reason not to in one to three words."""

from models.filters.duplicates import DuplicateRules
from models.filters.image_rules import ImageRules
from models.filters.mask_rules import MaskRules

__all__ = ["DuplicateRules", "ImageRules", "MaskRules"]
