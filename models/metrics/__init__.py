"""Every number of the evaluation: one row of `METRICS` each.

To add a metric: its function in a module of this folder, its test, and one row here; the report prints what it gets.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import degrees, nan, pi, radians

import numpy as np
import trimesh

from models.core.category import VIEWS
from models.geometry.cameras import view_word
from models.geometry.mesh import Mesh
from models.metrics.chamfer import Chamfer, ChamferConfig, fit_to_target
from models.metrics.keypoints import pck, transfer_errors
from models.metrics.outcomes import Outcome, Picture, copies, outcomes
from models.metrics.silhouette import boundary_f, iou
from models.metrics.surface_agreement import THRESHOLDS, Agreement, surface_agreement
from models.metrics.table import PAPER, Evaluation, EvaluationConfig, Metric, Pairs, Row, Score, mean_scores
from models.metrics.views import azimuth_error, colour_error, masked_psnr, relighting_error, same_quadrant
from models.rendering.reconstruction import Reconstructor
from models.truth.examples import Example

logger = logging.getLogger(__name__)
__all__ = ["COPY", "METRICS", "PAPER", "RELIGHTING", "Evaluation", "EvaluationConfig", "Row", "Score", "evaluate"]

COPY = "copy of the photo"
"""The baseline that answers every question about another view or light with the photo itself."""

RELIGHTING = "relighting error"
"""The metric that says what relightable is worth, beside that baseline."""


def evaluate(methods: Mapping[str, Reconstructor], examples: Sequence[Example], config: EvaluationConfig) -> Evaluation:
    """All metrics of all methods on the same examples."""
    if not examples:
        raise ValueError("evaluate: no examples; give at least one crop")
    columns: dict[str, Pairs] = {
        name: list(zip(examples, outcomes(method, examples, config.batch), strict=True))
        for name, method in methods.items()
    }
    backward = [name for name, pairs in columns.items() if _head_at_minus_z(pairs)]
    if backward:
        logger.info("azimuths are read after half a turn, for the head is at -z: %s", ", ".join(backward))
    columns |= {name: _turned_round(columns[name]) for name in backward}
    columns[COPY] = list(zip(examples, copies(examples), strict=True))
    rows = [mean_scores(metric, columns, config) for metric in METRICS]
    _compared.cache_clear()
    return Evaluation(tuple(row for row in rows if row.scores))


def _head_at_minus_z(pairs: Pairs) -> bool:
    """Whether the azimuths fit the truth, or else the view words, better after one half turn for all."""
    for fit in (_azimuth(lambda ours, theirs: -azimuth_error(ours, theirs)), _view_words):
        as_it_is, after = (np.asarray(fit(example, EvaluationConfig())) for example in (pairs, _turned_round(pairs)))
        if np.isfinite(as_it_is).any():
            return bool(np.nanmean(after) > np.nanmean(as_it_is))
    return False


def _turned_round(pairs: Pairs) -> Pairs:
    return [(example, _half_turned(outcome)) for example, outcome in pairs]


def _half_turned(outcome: Outcome) -> Outcome:
    return outcome if outcome.azimuth is None else replace(outcome, azimuth=outcome.azimuth + pi)


Values = Callable[[Pairs, EvaluationConfig], list[float]]


def _surfaces(measure: Callable[[Chamfer, Agreement], float]) -> Values:
    """A measure of our surface once it is laid over the true one."""
    return lambda pairs, config: [
        measure(*_compared(outcome.mesh, example.mesh, config.chamfer.model_dump_json()))
        if example.mesh and outcome.mesh
        else nan
        for example, outcome in pairs
    ]


@cache
def _compared(ours: trimesh.Trimesh, theirs: Mesh, settings: str) -> tuple[Chamfer, Agreement]:
    """One fit for all metrics of two surfaces, with the settings as JSON; `evaluate` forgets it at its end."""
    target, config = _as_trimesh(theirs), ChamferConfig.model_validate_json(settings)
    fit = fit_to_target(ours, target, config)
    return fit.chamfer, surface_agreement(ours.copy().apply_transform(fit.motion), target, config.points, config.seed)


def _as_trimesh(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices[0].numpy(), mesh.faces.numpy(), process=False)


def _pck(pairs: Pairs, config: EvaluationConfig) -> list[float]:
    """Per cent of hits, one value per keypoint."""
    known = [
        (
            example.keypoints.numpy(),
            example.seen.numpy(),
            outcome.projection,
            outcome.visible,
            _box(example.crop.mask[0].numpy() > 0.5),
        )
        for example, outcome in pairs
        if example.keypoints is not None and example.seen is not None
        if outcome.projection is not None and outcome.visible is not None
    ]
    if len(known) < 2 or len({len(projection) for _, _, projection, _, _ in known}) > 1:
        # Surfaces without common vertices carry no keypoint from one to another.
        return []
    keypoints, seen, projections, visible, boxes = (np.stack(part) for part in zip(*known, strict=True))
    return (100 * pck(transfer_errors(keypoints, seen, projections, visible), boxes, config.pck)).tolist()


def _box(mask: np.ndarray) -> float:
    """The longer side of the mask's box in normalised device coordinates."""
    rows, columns = np.nonzero(mask)
    return 2 * float(max(np.ptp(rows), np.ptp(columns)) + 1) / len(mask)


def _azimuth(measure: Callable[[float, float], float]) -> Values:
    """A measure of our azimuth and the true one."""
    return lambda pairs, _: [
        nan if example.azimuth is None or outcome.azimuth is None else float(measure(outcome.azimuth, example.azimuth))
        for example, outcome in pairs
    ]


def _view_words(pairs: Pairs, _: EvaluationConfig) -> list[float]:
    """Per cent of predicted cameras that the prompt's view word describes."""
    words = [(int(example.crop.view[0]), outcome.azimuth) for example, outcome in pairs]
    return [
        nan if word < 0 or azimuth is None else 100.0 * (VIEWS[word] == view_word(azimuth)) for word, azimuth in words
    ]


def _in(part: str, measure: Callable[[Picture, Picture], float]) -> Values:
    """A measure of our pictures and the true ones: the mean over the `photo`, or over all `turned` or `relit`."""

    def values(pairs: Pairs, _: EvaluationConfig) -> list[float]:
        both = [(getattr(outcome, part), _truth(example, part)) for example, outcome in pairs]
        return [
            float(np.mean([measure(*row) for row in zip(ours, theirs, strict=True)])) if ours else nan
            for ours, theirs in both
        ]

    return values


def _truth(example: Example, part: str) -> list[Picture]:
    shown = [(example.crop.image[0], example.crop.mask[0])]
    if part != "photo":
        shown = [(each.image, each.mask) for each in getattr(example, part)]
    return [Picture(image.numpy(), mask.numpy() > 0.5) for image, mask in shown]


def _iou(ours: Picture, theirs: Picture) -> float:
    return 100 * iou(ours.mask, theirs.mask)


def _boundary(ours: Picture, theirs: Picture) -> float:
    return 100 * boundary_f(ours.mask, theirs.mask)


def _psnr(ours: Picture, theirs: Picture) -> float:
    return masked_psnr(ours.rgb, theirs.rgb, theirs.mask)


def _colour(ours: Picture, theirs: Picture) -> float:
    return colour_error(ours.rgb, theirs.rgb, ours.mask & theirs.mask)


def _relighting(ours: Picture, theirs: Picture) -> float:
    return relighting_error(ours.rgb, theirs.rgb, ours.mask & theirs.mask)


METRICS: tuple[Metric, ...] = (
    Metric(
        "Chamfer distance",
        "target sides",
        "lower",
        "Animodel: equal volume, {c.chamfer.voxels} voxels along the shortest side, rigid ICP ({c.chamfer.icp_points} "
        "points, {c.chamfer.icp_iterations} iterations), better of 0 and 180 degrees, {c.chamfer.points} points",
        _surfaces(lambda chamfer, _: chamfer.scaled),
    ),
    *(
        Metric(
            f"surface F1 at {threshold}",
            "%",
            "higher",
            "Mesh R-CNN: longest side of the target 10, {c.chamfer.points} points; after the fit of the Chamfer row",
            _surfaces(lambda _, agreement, at=number: agreement.f1[at]),
        )
        for number, threshold in enumerate(THRESHOLDS)
    ),
    Metric(
        "normal consistency",
        "cosine",
        "higher",
        "as surface F1: |cosine| between the normals of nearest points, mean of both ways",
        _surfaces(lambda _, agreement: agreement.normal_consistency),
    ),
    Metric(
        "keypoint transfer PCK",
        "%",
        "higher",
        "A-CSM/MagicPony: up to {c.pck.pairs} ordered pairs, hit below {c.pck.threshold} of the box padded by "
        "{c.pck.padding} a side, mean over keypoints; the box is the mask's",
        _pck,
    ),
    Metric("mask IoU", "%", "higher", "input view", _in("photo", _iou)),
    Metric("boundary F", "%", "higher", "input view, 2 % of the side forgiven", _in("photo", _boundary)),
    Metric("input view PSNR", "dB", "higher", "inside the true mask", _in("photo", _psnr)),
    Metric("coat colour error", "CIE76", "lower", "input view, where both masks agree", _in("photo", _colour)),
    Metric(
        "azimuth error",
        "degrees",
        "lower",
        "after one half turn for the whole category where that is better",
        _azimuth(lambda ours, theirs: degrees(azimuth_error(ours, theirs))),
    ),
    Metric(
        "azimuth within 30 degrees",
        "%",
        "higher",
        "as azimuth error",
        _azimuth(lambda ours, theirs: 100.0 * (azimuth_error(ours, theirs) <= radians(30))),
    ),
    Metric(
        "azimuth quadrant",
        "%",
        "higher",
        "same signs of x and z, as azimuth error",
        _azimuth(lambda ours, theirs: 100.0 * same_quadrant(ours, theirs)),
    ),
    Metric("view word", "%", "higher", "predicted camera lies in the bin of the prompt's view word", _view_words),
    Metric(
        "novel view PSNR",
        "dB",
        "higher",
        "predicted camera turned by the true yaw, both cut to 2 sqrt(area), inside the true mask",
        _in("turned", _psnr),
    ),
    Metric("novel view IoU", "%", "higher", "as novel view PSNR", _in("turned", _iou)),
    Metric(
        RELIGHTING,
        "RMSE",
        "lower",
        "input view under the given light, best gain per picture, where both masks agree",
        _in("relit", _relighting),
    ),
)
