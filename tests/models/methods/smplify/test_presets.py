from models.methods.smplify.presets import LAPTOP, PRESETS, SMOKE


def test_a_smoke_fit_is_short_and_the_weights_are_the_papers():
    assert SMOKE.iterations < LAPTOP.iterations and SMOKE.sides < LAPTOP.sides
    assert PRESETS["paper"] == LAPTOP
    assert [stage.pose for stage in LAPTOP.stages] == [404, 404, 57.4, 4.78]
