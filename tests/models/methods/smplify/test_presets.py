from models.methods.smplify.model import FitConfig
from models.methods.smplify.presets import LAPTOP, PRESETS, SMOKE


def test_a_smoke_fit_is_short_and_the_weights_are_the_papers():
    assert SMOKE.iterations < LAPTOP.iterations and SMOKE.sides < LAPTOP.sides
    assert PRESETS["paper"] == LAPTOP
    assert [stage.pose for stage in LAPTOP.stages] == [404, 404, 57.4, 4.78]


def test_only_animals_are_fitted_to_their_masks_and_only_where_priors_are_weak():
    assert [stage.silhouette for stage in LAPTOP.stages] == [0, 0, 5, 5]
    unmasked = [stage.model_copy(update={"silhouette": 0}) for stage in LAPTOP.stages]
    assert unmasked == list(FitConfig().stages), "else the weights are those of any body"
