"""Feature maps of pictures: tokens of a vision transformer and their principal components."""

from models.features.vit import Pca, Vit, VitConfig

__all__ = ["Pca", "Vit", "VitConfig"]
