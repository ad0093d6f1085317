"""What each place of a picture shows, as a vector."""

from models.features.vit import Pca, Vit, VitConfig

__all__ = ["Pca", "Vit", "VitConfig"]
