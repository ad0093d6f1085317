"""Procedural barnyard animals with exact ground truth: the teacher, the examiner and the stand-in for photos."""

from models.truth.barnyard.rig import BONES, KEYPOINTS, PARTS
from models.truth.barnyard.scene import HELD_OUT, Scene, render_views, sample_scene, sample_scenes
from models.truth.barnyard.species import FARM, OTHERS, SPECIES

__all__ = [
    "BONES",
    "FARM",
    "HELD_OUT",
    "KEYPOINTS",
    "OTHERS",
    "PARTS",
    "SPECIES",
    "Scene",
    "render_views",
    "sample_scene",
    "sample_scenes",
]
