from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.data.augmentation import Augmentation
from models.data.columns import PseudoTruth
from models.data.crops import Crops
from models.engine.loop import NoCheckpoints, no_report
from models.features import Pca, VitConfig
from models.features.keypoint_reading import KeypointConfig, KeypointReading
from models.methods.base import Artifact, Setting, StageContext
from models.methods.magicpony import config
from models.methods.magicpony.config import OWN_SHAPE, SILHOUETTES, STAGE, AnimalTraining, LossWeights, MagicPonyConfig
from models.methods.magicpony.pretraining.shape_fitting import ShapeFitting
from models.methods.magicpony.pretraining.silhouette_fitting import SilhouetteFitting
from models.methods.magicpony.terms import Step
from models.methods.magicpony.train import TrainingConfig
from models.methods.magicpony.warm_start import WarmStart, write
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.magicpony.pretraining.test_quadruped import tiny_vit
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG, PatchVit

TINY = MagicPonyConfig(
    animal=CONFIG.model_copy(update={"encoder": CONFIG.encoder.model_copy(update={"grid": 4})}),
    losses=LossWeights(eikonal_points=20),
    training=TrainingConfig(steps=2, batch=2, size=32, report_every=1, panel_every=2),
)


def step(progress: float) -> Step:
    torch.manual_seed(0)
    animal, generator = CONFIG.build(CATEGORY, PatchVit()).train(), torch.Generator().manual_seed(0)
    batch = Crops([crop(seed, size=32, channels=16) for seed in range(4)], 32, CPU).batch(torch.arange(4))
    prediction = animal(batch, progress, generator)
    rendering = animal.render(prediction, Reference(), 32)
    return Step(0, progress, animal, batch, prediction, rendering, Reference(), generator)


def test_the_weights_are_the_papers_but_for_colour_and_lamps() -> None:
    terms = LossWeights().objective().terms
    weights = {row.name: row.weight.at(1.0) for row in terms}
    assert weights.pop("backlight") == 3
    assert weights == {
        "mask": 10, "mask_distance": 100, "rgb": 3, "features": 10, "eikonal": 0.01, "articulation": 0.1,
        "deformation": 10,
    }  # fmt: skip
    assert {row.name: row.hypothesis_weight.at(1.0) for row in terms if row.hypothesis_weight.at(1.0)} == {
        "mask": 10, "mask_distance": 100, "rgb": 1, "features": 500
    }  # fmt: skip


def test_every_part_that_exists_is_judged_and_learns() -> None:
    late = step(0.9)
    loss, values = LossWeights(eikonal_points=50).objective().loss(late)
    loss.backward()
    assert set(values) == {
        "mask", "mask_distance", "rgb", "features", "eikonal", "articulation", "deformation", "backlight", "hypothesis"
    }  # fmt: skip
    for name, parameters in late.animal.parameter_groups().items():
        assert any(each.grad is not None and each.grad.abs().sum() > 0 for each in parameters), name


def test_parts_that_have_not_begun_are_not_judged() -> None:
    _, values = LossWeights(eikonal_points=50).objective().loss(step(0.0))
    assert not {"articulation", "deformation"} & set(values)


def test_every_viewpoint_is_compared_with_the_one_that_was_taken() -> None:
    now = step(0.0)
    found = LossWeights().objective().relative_error(now)
    assert found.shape == (4, 4)
    assert (found.gather(1, now.prediction.hypothesis[:, None]) == 0).all()
    assert found.abs().max() > 0


def test_it_reads_nothing_frozen_but_the_transformer() -> None:
    assert set(MagicPonyConfig().parts) == {"vit", "warm_start"}
    assert MagicPonyConfig().objective(setting(load=no_part)).terms


def no_part(part: object) -> None:
    raise AssertionError(f"{part} is not needed")


def vit(part: object) -> object:
    assert isinstance(part, VitConfig)
    return tiny_vit()


def setting(load=vit) -> Setting:
    return Setting(CATEGORY, CPU, Reference(), load)


def no_column(name: str) -> Sequence[PseudoTruth]:
    raise KeyError(name)


def context(report=no_report) -> StageContext:
    samples = [crop(seed, size=32, channels=None) for seed in range(4)]
    return StageContext(
        **vars(setting()), samples=samples, checkpoints=NoCheckpoints(), report=report, artifacts={}, columns=no_column
    )


def states(config: AnimalTraining, artifacts: dict[str, Artifact]) -> dict[str, torch.Tensor]:
    return config.load(artifacts, setting()).animal.state_dict()


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return TINY.train(context())


def test_what_a_stage_leaves_is_the_model_that_answers(artifact: Artifact) -> None:
    trained, start = states(TINY, {STAGE: artifact}), states(TINY, {})
    assert all(torch.equal(trained[name], artifact.tensors[name]) for name in trained)
    assert any(not torch.equal(trained[name], start[name]) for name in trained)
    assert artifact.summary.steps == 2
    batch = Crops([crop(seed, size=32) for seed in range(2)], 32, CPU).batch(torch.arange(2))
    assert len(TINY.load({STAGE: artifact}, setting()).predict(batch)) == 2


def test_the_name_in_the_table_of_stages_is_that_of_the_artifact() -> None:
    assert [stage.name for stage in TINY.stages()] == [STAGE]
    assert TINY.stages()[0].run == TINY.train and TINY.stages()[0].steps == TINY.training.steps


def test_a_stage_reports_what_it_says_it_shows() -> None:
    reported: list[dict[str, float]] = []
    TINY.train(context(lambda step, values, panel: reported.append(values)))
    assert set(TINY.stages()[0].shown) <= set(reported[-1])


def test_a_training_repeats_itself_to_the_bit(artifact: Artifact) -> None:
    again = TINY.train(context())
    assert all(torch.equal(artifact.tensors[name], again.tensors[name]) for name in again.tensors)


def test_the_start_is_that_of_the_seed_whoever_loads_the_transformer_first() -> None:
    transformer = tiny_vit()

    def drawing(part: VitConfig) -> object:
        torch.rand(7)
        return transformer

    fresh, cached = (TINY.start(setting(load)).state_dict() for load in (drawing, lambda part: transformer))
    assert all(torch.equal(fresh[name], cached[name]) for name in fresh)
    other = TINY.model_copy(update={"training": TINY.training.model_copy(update={"seed": 1})})
    assert not torch.equal(*(config.start(setting()).state_dict()["out_code.0.weight"] for config in (TINY, other)))


def test_the_start_is_the_warm_starts_and_a_trained_model_does_without_it(tmp_path: Path, artifact: Artifact) -> None:
    torch.manual_seed(5)
    quadruped = TINY.animal.build(CATEGORY, tiny_vit())
    write(tmp_path, quadruped, Pca(torch.zeros(32), torch.zeros(32, 16)))
    warm = TINY.model_copy(update={"warm_start": WarmStart(model=str(tmp_path))})
    start = states(warm, {})
    for name, value in quadruped.state_dict().items():
        torch.testing.assert_close(start[name], value, atol=1e-3, rtol=1e-3)
    (tmp_path / "animal.safetensors").unlink()
    trained = states(warm, {STAGE: artifact})
    assert all(torch.equal(trained[name], artifact.tensors[name]) for name in trained)


def test_a_warm_start_is_fitted_to_silhouettes_first_and_the_training_goes_on_from_there(tmp_path: Path) -> None:
    write(tmp_path, TINY.animal.build(CATEGORY, tiny_vit()), Pca(torch.zeros(32), torch.zeros(32, 16)))
    warm = WarmStart(model=str(tmp_path), silhouettes=SilhouetteFitting(steps=3, batch=2, rate=1e-2))
    method = TINY.model_copy(update={"warm_start": warm})
    first, last = method.stages()
    assert (first.name, first.steps, last.name) == (SILHOUETTES, 3, STAGE)
    reported: list[dict[str, float]] = []
    fitted = first.run(context(lambda step, values, panel: reported.append(values)))
    assert fitted.summary.steps == 3 and set(first.shown) <= set(reported[-1])
    start = states(method, {})
    assert not torch.equal(fitted.tensors["deformation.mlp.last.weight"], start["deformation.mlp.last.weight"])
    still = method.model_copy(
        update={
            "training": method.training.model_copy(
                update={"rate_shape": 1e-12, "rate_pose": 1e-12, "rate_rest": 1e-12},
            )
        }
    )
    trained = still.train(replace(context(), artifacts={SILHOUETTES: fitted}))
    for name, value in fitted.tensors.items():
        if value.is_floating_point():
            torch.testing.assert_close(trained.tensors[name], value, atol=1e-6, rtol=0)
    # Until all stages are over, the start answers.
    assert all(torch.equal(value, start[name]) for name, value in states(method, {SILHOUETTES: fitted}).items())


def test_photos_without_view_words_are_asked_for_their_heads_before_anything_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, TINY.animal.build(CATEGORY, tiny_vit()), Pca(torch.zeros(32), torch.zeros(32, 16)))
    warm = WarmStart(model=str(tmp_path), silhouettes=SilhouetteFitting(steps=1, batch=2))
    method = TINY.model_copy(update={"warm_start": warm})
    asked: list[int] = []
    monkeypatch.setattr(config, "label_heads", lambda crops, model: asked.append(len(crops)))
    fitted = method.fit_silhouettes(context())
    method.train(replace(context(), artifacts={SILHOUETTES: fitted}))
    assert len(asked) == 2
    TINY.train(context())
    assert len(asked) == 2, "random weights can guess nothing"


def test_a_shape_of_the_category_comes_last_on_top_of_what_was_learnt(artifact: Artifact) -> None:
    method = TINY.model_copy(update={"own_shape": ShapeFitting(steps=3, batch=2)})
    first, last = method.stages()
    assert (first.name, last.name, last.steps) == (STAGE, OWN_SHAPE, 3)
    learnt = {STAGE: artifact}
    shaped = last.run(replace(context(), artifacts=learnt))
    moved = {name for name, value in artifact.tensors.items() if not torch.equal(shaped.tensors[name], value)}
    assert shaped.summary.steps == 3 and moved and all(name.startswith("deformation.") for name in moved)
    answers = states(method, learnt | {OWN_SHAPE: shaped})
    assert all(torch.equal(value, shaped.tensors[name]) for name, value in answers.items())


def test_keypoints_are_found_where_the_start_knows_them(tmp_path: Path) -> None:
    names = ("left_ear", "nose", "right_ear")
    marked = TINY.animal.model_copy(update={"keypoints": names})
    quadruped = marked.build(CATEGORY, tiny_vit())
    quadruped.markers.copy_(torch.tensor([[0.3, 0.5, 0.8], [0.0, 0.0, 1.0], [-0.3, 0.5, 0.8]]))
    write(tmp_path, quadruped, Pca(torch.zeros(32), torch.zeros(32, 16)))
    warm = WarmStart(model=str(tmp_path), silhouettes=SilhouetteFitting(steps=3, batch=2, rate=1e-2))
    without = TINY.model_copy(update={"warm_start": warm})
    taught = without.model_copy(update={"animal": marked, "reading": KeypointConfig()})
    reading = KeypointReading(torch.randn(3, 32, 3, 3), names, tiny_vit().digest, "")

    def load(part: object) -> object:
        return reading if part == KeypointConfig() else vit(part)

    assert "keypoints" not in without.parts and taught.parts["keypoints"] == KeypointConfig()
    reported: list[dict[str, float]] = []
    told = context(lambda step, values, panel: reported.append(values))
    first = taught.stages()[0]
    fitted = first.run(StageContext(**{**vars(told), "load": load}))
    assert set(first.shown) == {"mask", "keypoints"} <= set(reported[-1])
    plain = without.stages()[0].run(context())
    assert not torch.equal(*(each.tensors["articulation.leave.weight"] for each in (fitted, plain)))
    # A release knows its keypoints itself, whatever has become of its start.
    (tmp_path / "animal.safetensors").unlink()
    model = taught.load({STAGE: fitted}, setting(load))
    assert model.finder is not None and model.refined().finder is model.finder
    torch.testing.assert_close(model.finder.markers, quadruped.markers, atol=1e-3, rtol=0)
    assert without.load({STAGE: plain}, setting()).finder is None


def test_from_random_weights_no_keypoint_has_a_place_and_none_is_read() -> None:
    fresh = TINY.model_copy(update={"reading": KeypointConfig()})
    assert "keypoints" not in fresh.parts and fresh.load({}, setting()).finder is None


def test_crops_carry_maps_of_the_transformer_and_the_spoilt_pictures() -> None:
    some = context()
    plain = TINY.crops(some, tiny_vit()).batch(torch.arange(4))
    assert plain.features.shape[:2] == (4, TINY.animal.prior.channels)
    spoilt = TINY.model_copy(
        update={"training": TINY.training.model_copy(update={"augmentation": Augmentation(share=1)})}
    )
    batch = spoilt.crops(replace(some), tiny_vit()).batch(torch.arange(4))
    assert (batch.seen != batch.image).any()


def test_either_all_scores_learn_at_a_step_or_the_taken_one_alone() -> None:
    assert LossWeights().objective().relative_error is not None
    assert LossWeights(scores_taught="taken").objective().relative_error is None


def test_the_feature_loss_may_look_more_closely_than_the_encoder() -> None:
    fine = MagicPonyConfig(feature_vit=VitConfig(stride=4))
    assert list(fine.parts) == ["vit", "feature_vit", "warm_start"]
    asked: list[object] = []

    def load(part: object) -> object:
        asked.append(part)
        return tiny_vit()

    for method, expected in ((TINY, [TINY.vit] * 2), (TINY.model_copy(update={"feature_vit": fine.feature_vit}), None)):
        asked.clear()
        method.train(StageContext(**{**vars(context()), "load": load}))
        assert asked == (expected or [method.vit, method.feature_vit])


def test_what_answers_is_the_mean_of_the_start_and_of_what_was_learnt(tmp_path: Path) -> None:
    write(tmp_path, TINY.animal.build(CATEGORY, tiny_vit()), Pca(torch.zeros(32), torch.zeros(32, 16)))

    def method(kept: float) -> MagicPonyConfig:
        return TINY.model_copy(update={"warm_start": WarmStart(model=str(tmp_path), kept=kept)})

    start, learnt, mean = (
        states(method(0), {}),
        method(0).train(context()).tensors,
        method(0.25).train(context()).tensors,
    )
    assert any(not torch.equal(learnt[name], start[name]) for name in start)
    for name, value in mean.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.25 * start[name] + 0.75 * learnt[name], atol=1e-6, rtol=1e-5)
        else:
            assert torch.equal(value, learnt[name])
