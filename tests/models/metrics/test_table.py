"""A row is the mean of what is known."""

from math import nan

import pytest

from models.metrics.table import Evaluation, EvaluationConfig, Metric, Row, Score, mean_scores


def test_unknown_values_do_not_count() -> None:
    metric = Metric("height", "m", "higher", "{c.batch} at once", lambda pairs, config: [1.0, nan, 3.0])
    silent = Metric("silence", "dB", "lower", "", lambda pairs, config: [nan, nan])
    row = mean_scores(metric, {"ruler": []}, EvaluationConfig(batch=7))
    assert (row.scores["ruler"].mean, row.scores["ruler"].count, row.protocol) == (2, 2, "7 at once")
    assert row.scores["ruler"].spread == pytest.approx(1)
    assert not mean_scores(silent, {"ruler": []}, EvaluationConfig()).scores


def test_a_table_has_a_record_for_each_metric_and_method() -> None:
    scores = {"ours": Score(0.5, 0.1, 3), "a sphere": Score(0.25, 0.2, 2)}
    row = Row("IoU", "%", "higher", "as published", scores)
    first, second = Evaluation((row,)).table()
    told = {"metric": "IoU", "unit": "%", "better": "higher", "protocol": "as published"}
    assert first == told | {"method": "ours", "mean": 0.5, "spread": 0.1, "count": 3}
    assert second == told | {"method": "a sphere", "mean": 0.25, "spread": 0.2, "count": 2}
