"""The method's part of the one dial: fits differ in their length alone."""

from models.methods.smplify.model import FitConfig

SMOKE = FitConfig(iterations=5, sides=4, starts=1)
LAPTOP = FitConfig()
PRESETS = {"smoke": SMOKE, "laptop": LAPTOP, "gpu": LAPTOP, "paper": LAPTOP}
