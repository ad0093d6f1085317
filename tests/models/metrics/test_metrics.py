"""The whole table: truth scores best, each mistake costs its own metric, an unknown truth leaves its rows out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import pi

import pytest

from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.metrics import COPY, METRICS, PAPER, Evaluation, EvaluationConfig, Score, evaluate
from models.metrics.chamfer import ChamferConfig
from models.metrics.table import Metric
from models.rendering.reconstruction import Reconstruction, Reconstructor, Renderable
from models.rendering.types import Light, Rendering
from models.truth.examples import Example, join_examples, split_batch
from tests.models.metrics.conftest import body
from tests.models.metrics.test_outcomes import Answers
from tests.models.rendering.test_reconstruction import Meshes, Pictures

CONFIG = EvaluationConfig(chamfer=ChamferConfig(voxels=12, icp_points=300, points=600), batch=4)
OF_THE_PICTURE = {"mask IoU", "boundary F", "input view PSNR", "coat colour error"}
OF_THE_TRUTH = {
    "Chamfer distance",
    "surface F1 at 0.3",
    "normal consistency",
    "keypoint transfer PCK",
    "azimuth error",
    "novel view PSNR",
    "novel view IoU",
    "relighting error",
}
Maker = Callable[..., Reconstructor]


@dataclass(frozen=True)
class Unlike:
    """Answers with surfaces of their own connectivity."""

    whole: Reconstruction
    first: int = 0

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def camera(self) -> Camera | None:
        return self.whole.camera

    def mesh(self, row: int) -> Mesh | None:
        mesh, cut = self.whole.mesh(row), (self.first + row) % 2
        if mesh is None or not cut:
            return mesh
        last = mesh.vertices.shape[1] - 1
        return Mesh(mesh.vertices[:, :-1], mesh.faces[(mesh.faces != last).all(1)])

    def pick(self, row: int, count: int = 1) -> "Unlike":
        return Unlike(self.whole.pick(row, count), self.first + row)

    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        assert isinstance(self.whole, Renderable)
        return self.whole.render(size, camera, light)


@pytest.fixture(scope="module")
def table(toys: list[Example], oracle: Maker) -> Evaluation:
    mistakes = {"stretched": {"stretch": 1.6}, "backward": {"yaw": pi}, "astray": {"yaw": 1.0}}
    return evaluate({"truth": oracle()} | {name: oracle(**mistake) for name, mistake in mistakes.items()}, toys, CONFIG)


def scores(table: Evaluation, metric: str) -> dict[str, Score]:
    return next(row.scores for row in table.rows if row.metric == metric)


def test_every_metric_is_filled_and_says_its_settings(table: Evaluation) -> None:
    assert [row.metric for row in table.rows] == [metric.name for metric in METRICS]
    assert "12 voxels" in table.rows[0].protocol
    assert "100 voxels" in METRICS[0].protocol.format(c=PAPER)
    assert all({"metric", "method", "mean", "count", "protocol"} <= set(record) for record in table.table())


def test_the_truth_is_perfect(table: Evaluation) -> None:
    perfect = {"mask IoU": 100, "boundary F": 100, "azimuth error": 0, "relighting error": 0, "coat colour error": 0}
    for metric, value in (perfect | {"keypoint transfer PCK": 100, "input view PSNR": 100}).items():
        assert scores(table, metric)["truth"].mean == pytest.approx(value, abs=0.01), metric
    assert scores(table, "Chamfer distance")["truth"].mean < 0.03
    assert scores(table, "novel view IoU")["truth"].mean > 95  # the camera stands further back than the truth's


@pytest.mark.parametrize("row", [metric for metric in METRICS if metric.name != "view word"], ids=lambda row: row.name)
def test_nobody_beats_the_truth(table: Evaluation, row: Metric) -> None:
    found = scores(table, row.name)
    sign = 1 if row.better == "higher" else -1
    best = max(sign * score.mean for score in found.values())
    assert sign * found["truth"].mean >= best - 0.004


def test_a_stretched_shape_costs_shape_and_not_azimuth(table: Evaluation) -> None:
    assert scores(table, "Chamfer distance")["stretched"].mean > 1.2 * scores(table, "Chamfer distance")["truth"].mean
    for metric in ("surface F1 at 0.1", "surface F1 at 0.3", "surface F1 at 0.5"):
        assert scores(table, metric)["stretched"].mean < 0.9 * scores(table, metric)["truth"].mean
    assert scores(table, "mask IoU")["stretched"].mean < 85
    assert scores(table, "azimuth error")["stretched"].mean == pytest.approx(0, abs=1e-3)


def test_a_head_at_the_other_end_is_forgiven_and_told(
    toys: list[Example], oracle: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        table = evaluate({"backward": oracle(yaw=pi), "truth": oracle(), "again": oracle(yaw=pi)}, toys, CONFIG)
    assert scores(table, "azimuth error")["backward"].mean == pytest.approx(0, abs=1e-3)
    assert caplog.messages == ["azimuths are read after half a turn, for the head is at -z: backward, again"]


def test_any_other_turn_is_not_forgiven(table: Evaluation) -> None:
    assert scores(table, "azimuth error")["astray"].mean == pytest.approx(57.3, abs=0.1)
    assert scores(table, "azimuth within 30 degrees")["astray"].mean == 0
    assert scores(table, "keypoint transfer PCK")["astray"].mean < 80


def test_a_copy_answers_only_about_other_views_and_lights(table: Evaluation) -> None:
    answered = {row.metric for row in table.rows if COPY in row.scores}
    assert answered == {"novel view PSNR", "novel view IoU", "relighting error"}


def test_generated_crops_have_only_what_their_picture_tells(toys: list[Example], oracle: Maker) -> None:
    crops = split_batch(join_examples(toys), [each.key for each in toys])
    table = evaluate({"truth": oracle()}, crops, CONFIG)
    told = {row.metric for row in table.rows}
    assert told >= OF_THE_PICTURE | {"view word"} and told.isdisjoint(OF_THE_TRUTH)
    assert scores(table, "view word")["truth"].count == sum(int(each.crop.view) >= 0 for each in toys)


def test_each_answer_stands_in_the_rows_that_it_can_fill(toys: list[Example], oracle: Maker) -> None:
    poor = {
        "mesh": Answers(lambda batch: Meshes((body(),) * len(batch))),
        "pictures": Answers(lambda batch: Pictures(len(batch))),
    }
    table = evaluate({"truth": oracle(), **poor}, toys, CONFIG)
    answered = {name: {row.metric for row in table.rows if name in row.scores} for name in ("truth", *poor)}
    assert "Chamfer distance" in answered["mesh"] and answered["mesh"].isdisjoint(OF_THE_PICTURE)
    assert answered["pictures"] >= OF_THE_PICTURE and answered["pictures"].isdisjoint({*OF_THE_TRUTH, "view word"})
    assert answered["truth"] == {metric.name for metric in METRICS}


def test_meshes_without_common_vertices_carry_no_keypoint(toys: list[Example], oracle: Maker) -> None:
    truth = oracle()

    class Cut:
        """The truth, of which every second answer lacks its last vertex and that one's faces."""

        def predict(self, batch: Batch) -> Unlike:
            return Unlike(truth.predict(batch))

    table = evaluate({"truth": truth, "cut": Cut()}, toys, CONFIG)
    assert "cut" not in scores(table, "keypoint transfer PCK")
    assert scores(table, "azimuth error")["cut"].mean == pytest.approx(0, abs=1e-3)


def test_no_example_is_refused(oracle: Maker) -> None:
    with pytest.raises(ValueError, match="no examples"):
        evaluate({"truth": oracle()}, [], CONFIG)


def test_a_missing_truth_lowers_the_count_only(toys: list[Example], oracle: Maker) -> None:
    some = [replace(each, azimuth=None) if row < 2 else each for row, each in enumerate(toys)]
    method = oracle()
    table = evaluate({"truth": method}, some, CONFIG)
    assert scores(table, "azimuth error")["truth"].count == len(toys) - 2
