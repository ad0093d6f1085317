"""The one dial: what each scale sets of data and hardware. What it sets of a method lies beside the method."""

from typing import Any

from models.features import VitConfig
from models.generators.known_models import EMBEDDED, STABLE_DIFFUSION_2_1, STABLE_DIFFUSION_2_1_QUICK
from models.metrics import PAPER, EvaluationConfig
from models.metrics.chamfer import ChamferConfig
from models.rendering import best_renderer
from models.rendering.reference import ReferenceConfig
from models.segmenters import PointRendConfig, best_segmenter
from storage.store.references import Scale
from tasks.publish import ReleaseConfig

Parts = dict[str, Any]


def preset(scale: Scale, device: str = "cpu") -> Parts:
    """The fields of a `flows.plan.plan.Plan` that depend on the scale but not on the method.

    The large scales take detectron2 and, on the kind of device `cuda`, nvdiffrast where they are installed, else what
    comes with the farm. Either is part of the recipes, so products of one are never taken for those of the other.
    """
    if scale in ("smoke", "laptop"):
        return {"smoke": _smoke, "laptop": _laptop}[scale]()
    return {**{"gpu": _gpu, "paper": _paper}[scale](), "renderer": best_renderer(device)}


def _embedded() -> Parts:
    """The parts in `weights/`, which need neither a GPU nor a network."""
    return {
        "generator": EMBEDDED,
        "segmenter": PointRendConfig(),
        "features": VitConfig(),
        "renderer": ReferenceConfig(),
        "crop": 128,
    }


def _smoke() -> Parts:
    """The whole pipeline in three minutes: for CI, not for looking at."""
    return {
        **_embedded(),
        "images": 24,
        "photos": 8,
        "scenes": 4,
        "evaluation": EvaluationConfig(chamfer=ChamferConfig(icp_points=200, points=500)),
        "release": ReleaseConfig(assets=1, film=64, frames=6, texture=64),
    }


def _laptop() -> Parts:
    """An animal that can be shown, in twenty minutes on two cores."""
    return {
        **_embedded(),
        "images": 500,
        "photos": 64,
        "evaluation": EvaluationConfig(),
    }


def _gpu() -> Parts:
    """Photoreal parts and a shorter training: a day on one GPU."""
    return {**_paper(), "generator": STABLE_DIFFUSION_2_1_QUICK, "images": 2000}


def _paper() -> Parts:
    """The constants of the published code (docs/fidelity.md)."""
    return {
        "generator": STABLE_DIFFUSION_2_1,
        "segmenter": best_segmenter(),
        "features": VitConfig(model="facebook/dino-vits8", stride=4),
        "crop": 256,
        "images": 10_000,
        "photos": 500,
        "evaluation": PAPER,
    }
