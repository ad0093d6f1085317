"""The animal model's part of the one dial; everything else has its default beside its class."""

from models.core.schedule import Schedule
from models.data.augmentation import Augmentation
from models.features import VitConfig
from models.layers.coordinate_mlp import CoordMlpConfig
from models.methods.magicpony.config import AnimalTraining, LossWeights
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.appearance import AppearanceConfig
from models.methods.magicpony.networks.articulation import ArticulationConfig
from models.methods.magicpony.networks.deformation import DeformationConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.pose import PoseConfig
from models.methods.magicpony.networks.prior import PriorConfig
from models.methods.magicpony.train import TrainingConfig
from models.methods.magicpony.warm_start import WarmStart

SMOKE = AnimalTraining(
    animal=AnimalConfig(prior=PriorConfig(grid=16, fine_grid=16), encoder=EncoderConfig(image=64, grid=8)),
    training=TrainingConfig(steps=30, size=64, report_every=5, panel_every=15, save_every=10),
)
LAPTOP = AnimalTraining(
    # The quadruped was told its lights, and some of them do stand behind.
    losses=LossWeights(backlight=Schedule(0.0)),
    # The quadruped knows legs and poses better than the embedded diffusion model draws them: both hardly move.
    training=TrainingConfig(
        steps=400,
        rate_shape=1e-5,
        rate_pose=3e-6,
        rate_rest=2e-5,
        report_every=20,
        panel_every=100,
        save_every=100,
    ),
    warm_start=WarmStart(),
)
PAPER = AnimalTraining(
    vit=VitConfig(model="facebook/dino-vits8", stride=4),
    animal=AnimalConfig(
        prior=PriorConfig(
            grid=128,
            fine_grid=256,
            fine_from=0.71,
            sdf=CoordMlpConfig(layers=5, width=256, frequencies=8),
            features=CoordMlpConfig(layers=5, width=256, frequencies=8),
        ),
        encoder=EncoderConfig(image=256, grid=32, width=256, code=256, feature_cache_size=0),
        pose=PoseConfig(
            depth_range=0.5,
            elevation_deg=0,
            uniform_mix=Schedule({0.0143: 1, 0.0286: 0}),
            argmax_probability=Schedule({0.043: 0, 0.0543: 0.8}),
        ),
        articulation=ArticulationConfig(blocks=4, width=256, heads=8),
        deformation=DeformationConfig(mlp=CoordMlpConfig(layers=5, width=256, frequencies=10)),
        appearance=AppearanceConfig(albedo=CoordMlpConfig(layers=8, width=256, frequencies=10), light_width=256),
        articulated_from=0.07,
        attached_from=0.43,
        deformed_from=0.64,
    ),
    losses=LossWeights(rgb=Schedule(1), eikonal_points=5000),
    training=TrainingConfig(
        steps=140_000,
        batch=10,
        size=256,
        lr_schedule=Schedule(1),
        augmentation=Augmentation(share=0),
        report_every=100,
        panel_every=5000,
        save_every=2000,
    ),
)
GPU = PAPER.model_copy(
    update={"training": TrainingConfig(steps=20_000, batch=10, size=256, lr_schedule=Schedule(1), save_every=1000)}
)
PRESETS = {"smoke": SMOKE, "laptop": LAPTOP, "gpu": GPU, "paper": PAPER}
