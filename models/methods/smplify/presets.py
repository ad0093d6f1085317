"""The method's part of the one dial: a smoke fit is short and weighs no mask."""

from models.methods.smplify.model import FitConfig, FitStage

SMOKE = FitConfig(iterations=5, sides=4, starts=1)
LAPTOP = FitConfig(
    stages=(
        FitStage(pose=404, shape=100),
        FitStage(pose=404, shape=50),
        FitStage(pose=57.4, shape=10, silhouette=5),
        FitStage(pose=4.78, shape=5, silhouette=5),
    )
)
PRESETS = {"smoke": SMOKE, "laptop": LAPTOP, "gpu": LAPTOP, "paper": LAPTOP}
