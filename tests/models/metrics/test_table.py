"""A row is the mean of what is known."""

from math import nan

import pytest

from models.metrics.table import EvaluationConfig, Metric, filled


def test_unknown_values_do_not_count() -> None:
    metric = Metric("height", "m", "higher", "{c.batch} at once", lambda pairs, config: [1.0, nan, 3.0])
    silent = Metric("silence", "dB", "lower", "", lambda pairs, config: [nan, nan])
    row = filled(metric, {"ruler": []}, EvaluationConfig(batch=7))
    assert (row.scores["ruler"].mean, row.scores["ruler"].count, row.protocol) == (2, 2, "7 at once")
    assert row.scores["ruler"].spread == pytest.approx(1)
    assert not filled(silent, {"ruler": []}, EvaluationConfig()).scores
