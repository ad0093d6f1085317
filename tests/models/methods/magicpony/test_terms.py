from dataclasses import replace
from functools import cache

import pytest
import torch

from models.core.schedule import Schedule
from models.geometry.cameras import look_at
from models.geometry.mesh import Mesh
from models.methods.magicpony.state import Alternatives
from models.methods.magicpony.terms import Objective, Step, Term
from tests.models.methods.magicpony.losses.test_reconstruction import prediction
from tests.models.methods.magicpony.test_config import step as early

SILENT = Schedule(0.0)


@cache
def _any() -> Step:
    return early(0.0)


def step(number: int = 0, progress: float = 0.0, score: float = 0.0) -> Step:
    """Two images; a term reads nothing but what a test gives it."""
    answer = prediction(torch.zeros(2), torch.tensor([0.25, 0.5]))
    scores = torch.full((2, 4), score, requires_grad=True)
    views = Alternatives(scores, torch.zeros(2, 4), look_at(torch.zeros(8), torch.zeros(8)))
    answer = replace(answer, angles=torch.ones(2, 1, 3), alternatives=views)
    return replace(_any(), number=number, progress=progress, prediction=answer)


def objective(*rows: Term, hypothesis: Schedule = SILENT) -> Objective:
    return Objective(rows, hypothesis, lambda _: torch.zeros(2, 4))


def constant(value: float | list[float]) -> torch.Tensor:
    return torch.tensor(value)


def test_scalars_count_by_their_weight() -> None:
    rows = (
        Term("one", lambda _: constant(2.0), Schedule(3.0)),
        Term("two", lambda s: s.prediction.angles.sum(), Schedule(0.5)),
    )
    loss, values = objective(*rows).loss(step())
    assert loss == 3 * 2 + 0.5 * 6
    assert values["one"] == 2


def test_per_image_errors_count_by_the_odds_of_their_viewpoint() -> None:
    row = Term("mask", lambda _: constant([1.0, 1.0]), Schedule(1.0))
    loss, values = objective(row).loss(step())
    assert loss == (1 * 1 + 2 * 1) / 2
    assert values["mask"] == 1, "the report shows the plain mean"


def test_scores_learn_the_judged_errors_without_the_odds() -> None:
    rows = (
        Term("mask", lambda _: constant([1.0, 2.0]), Schedule(1.0), hypothesis_weight=Schedule(10.0)),
        Term("features", lambda _: constant([0.1, 0.0]), Schedule(1.0), hypothesis_weight=Schedule(100.0)),
    )
    _, values = objective(*rows).loss(step(score=4.0))
    assert values["hypothesis"] == pytest.approx(((20 - 4) ** 2 + (20 - 4) ** 2) / 2)


def test_the_hypothesis_weight_decides_how_fast_scores_learn() -> None:
    row = Term("mask", lambda _: constant([1.0, 1.0]), Schedule(0.0), hypothesis_weight=Schedule(1.0))
    now = step(score=0.0)
    loss, _ = objective(row, hypothesis=Schedule(2.0)).loss(now)
    loss.backward()
    assert now.prediction.alternatives.score.grad.tolist() == [[-0.5] * 4] * 2


def test_an_absent_part_has_no_value() -> None:
    _, values = objective(Term("articulation", lambda _: None, Schedule(1.0))).loss(step())
    assert set(values) == {"hypothesis"}


@pytest.mark.parametrize(("number", "progress", "due"), [(4, 0.6, True), (5, 0.6, False), (4, 0.4, False)])
def test_a_row_is_due_every_so_often_and_while_it_has_weight(number: int, progress: float, due: bool) -> None:
    row = Term("sds", lambda _: constant(1.0), Schedule({0.5: 0.0, 0.55: 1.0}), every=2)
    assert row.due(step(number, progress)) == due
    assert ("sds" in objective(row).loss(step(number, progress))[1]) == due


def test_a_silhouette_is_of_the_animal_that_its_camera_looks_at() -> None:
    near = torch.tensor([[-9.0, -9.0, 0.0], [9.0, -9.0, 0.0], [0.0, 9.0, 0.0]])
    away = near + torch.tensor([100.0, 0.0, 0.0])
    mesh = Mesh(torch.stack([near, away]), torch.tensor([[0, 1, 2]]))
    cameras = look_at(torch.zeros(4), torch.zeros(4))
    seen = step().silhouettes(mesh, cameras, 8)
    assert seen.shape == (4, 8, 8) and seen[:2, 3:5, 3:5].all() and not seen[2:].any()


def test_where_only_the_taken_viewpoint_is_taught_it_learns_its_own_error_and_the_others_nothing() -> None:
    row = Term("mask", lambda _: constant([1.0, 2.0]), Schedule(0.0), hypothesis_weight=Schedule(10.0))
    now = step()
    taken = torch.tensor([4.0, 4.0], requires_grad=True)
    now = replace(now, prediction=replace(now.prediction, score=taken))
    loss, values = Objective((row,), Schedule(1.0), None).loss(now)
    assert values["hypothesis"] == ((10 - 4) ** 2 + (20 - 4) ** 2) / 2
    loss.backward()
    assert taken.grad.tolist() == [4 - 10, 4 - 20]
    assert now.prediction.alternatives.score.grad is None
