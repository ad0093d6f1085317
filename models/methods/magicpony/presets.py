"""The animal model's part of the one dial; everything else has its default beside its class."""

from models.core.schedule import Schedule
from models.data.augmentation import Augmentation
from models.features import VitConfig
from models.features.keypoint_reading import KeypointConfig
from models.layers.coordinate_mlp import CoordMlpConfig
from models.methods.magicpony.config import AnimalTraining, LossWeights
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.appearance import AppearanceConfig
from models.methods.magicpony.networks.articulation import ArticulationConfig
from models.methods.magicpony.networks.deformation import DeformationConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.pose import PoseConfig
from models.methods.magicpony.networks.prior import FROM_CONES, PriorConfig
from models.methods.magicpony.pretraining.shape_fitting import ShapeFitting
from models.methods.magicpony.pretraining.silhouette_fitting import SilhouetteFitting
from models.methods.magicpony.train import TrainingConfig
from models.methods.magicpony.warm_start import WarmStart
from models.truth.barnyard.rig import KEYPOINTS

SMOKE = AnimalTraining(
    animal=AnimalConfig(prior=PriorConfig(grid=16, fine_grid=16), encoder=EncoderConfig(image=64, grid=8)),
    training=TrainingConfig(steps=30, size=64, report_every=5, panel_every=15, save_every=10),
)
LAPTOP = AnimalTraining(
    reading=KeypointConfig(),
    animal=AnimalConfig(prior=FROM_CONES, keypoints=KEYPOINTS),
    # The quadruped was told its lights, and some of them do stand behind.
    losses=LossWeights(backlight=Schedule(0.0)),
    # The quadruped knows legs and poses better than the embedded diffusion model draws them: after its
    # silhouettes, both hardly move.
    training=TrainingConfig(
        steps=400,
        rate_shape=1e-5,
        rate_pose=3e-6,
        rate_rest=2e-5,
        report_every=20,
        panel_every=100,
        save_every=100,
    ),
    # Half of the way has most of what drawn photos teach and half of their faults (docs/lab, round 21).
    warm_start=WarmStart(
        kept=0.5,
        silhouettes=SilhouetteFitting(steps=200, deforms=False, rate=1e-3, rate_pose=2e-4),
    ),
    own_shape=ShapeFitting(steps=400),
)
# Photos that nobody drew show an animal's proportions as they are.
LAPTOP_OWN_PHOTOS = LAPTOP.model_copy(update={"warm_start": WarmStart(silhouettes=SilhouetteFitting(steps=400))})
# Without the quadruped: rounded cones of no species, and rates at which everything is learnt. So short a training loses
# its viewpoints where photos are corrupted (docs/lab, round 4).
LAPTOP_FROM_NOTHING = AnimalTraining(
    animal=AnimalConfig(prior=FROM_CONES),
    training=TrainingConfig(steps=7000, augmentation=Augmentation(share=0)),
    own_shape=ShapeFitting(steps=400),
)
# What was told everything of procedural cows, horses and sheep: an upper bound, and what answers where there is no
# release.
TAUGHT = AnimalTraining(vit=VitConfig(model="weights/taught/vit"), warm_start=WarmStart(model="weights/taught"))
VIT = "facebook/dino-vits8"
PAPER = AnimalTraining(
    vit=VitConfig(model=VIT),
    feature_vit=VitConfig(model=VIT, stride=4),
    animal=AnimalConfig(
        prior=PriorConfig(
            grid=128,
            fine_grid=256,
            fine_from=100 / 140,
            sdf=CoordMlpConfig(layers=5, width=256, frequencies=8),
            features=CoordMlpConfig(layers=5, width=256, frequencies=8),
        ),
        encoder=EncoderConfig(image=256, grid=32, width=256, code=256, feature_cache_size=0),
        pose=PoseConfig(
            depth_range=0.5,
            elevation_deg=0,
            uniform_mix=Schedule({2 / 140: 1, 4 / 140: 0}),
            argmax_probability=Schedule({6 / 140: 0, 7.6 / 140: 0.8}),
            view_trust=0,
        ),
        articulation=ArticulationConfig(blocks=4, width=256, heads=8),
        deformation=DeformationConfig(mlp=CoordMlpConfig(layers=5, width=256, frequencies=10)),
        appearance=AppearanceConfig(albedo=CoordMlpConfig(layers=8, width=256, frequencies=10), light_width=256),
        articulated_from=10 / 140,
        attached_from=60 / 140,
        deformed_from=90 / 140,
    ),
    losses=LossWeights(rgb=Schedule(1), eikonal_points=5000, scores_taught="taken", backlight=Schedule(0)),
    training=TrainingConfig(
        steps=140_000,
        batch=10,
        size=256,
        rate_shape=1e-3,
        rate_pose=1e-4,
        rate_rest=1e-4,
        lr_schedule=Schedule(1),
        clip=None,
        augmentation=Augmentation(share=0),
        report_every=100,
        panel_every=5000,
        save_every=2000,
    ),
)
# The papers' networks in a seventh of their steps, and what makes up for the rest: view words, larger rates, all four
# scores taught at each step, lights kept before the animal.
GPU = PAPER.model_copy(
    update={
        "animal": PAPER.animal.model_copy(update={"pose": PAPER.animal.pose.model_copy(update={"view_trust": 1.0})}),
        "losses": LossWeights(rgb=Schedule(1), eikonal_points=5000),
        "training": TrainingConfig(steps=20_000, batch=10, size=256, lr_schedule=Schedule(1), save_every=1000),
    }
)
PRESETS = {"smoke": SMOKE, "laptop": LAPTOP, "gpu": GPU, "paper": PAPER}
OWN_PHOTOS = {**PRESETS, "laptop": LAPTOP_OWN_PHOTOS}
FROM_NOTHING = {**PRESETS, "laptop": LAPTOP_FROM_NOTHING}
