import pytest

from storage.runs.scores import START, Score, by_metric, decode_scores, encode_scores
from storage.store.errors import CorruptArtifact

SCORE = Score(
    metric="mask IoU",
    unit="%",
    better="higher",
    method="laptop-1",
    mean=0.1 + 0.2,
    spread=3,
    count=24,
    protocol="input view",
)


def test_a_table_comes_back_to_the_bit() -> None:
    table = [SCORE, SCORE.model_copy(update={"method": "unit sphere", "mean": float("nan")})]
    (first, second) = decode_scores(encode_scores(table), "scores.json")
    assert first == SCORE and first.mean == 0.1 + 0.2
    assert second.method == "unit sphere" and second.mean != second.mean


@pytest.mark.parametrize("data", [b"", b"{}", b"[{}]", b'[{"metric": 1}]'])
def test_what_is_no_table_is_refused(data) -> None:
    with pytest.raises(CorruptArtifact, match=r"scores.json: is no table of scores \(.*; evaluate the model again"):
        decode_scores(data, "scores.json")


def test_one_row_a_metric_has_one_column_a_method() -> None:
    def score(metric: str, method: str, mean: float) -> Score:
        return Score(
            metric=metric, unit="%", better="higher", method=method, mean=mean, spread=0.0, count=2, protocol="seen"
        )

    rows = by_metric([score("IoU", "ours", 70.0321), score("IoU", START, 60.0), score("PCK", "ours", 50.0)])
    assert rows == [
        {"metric": "IoU, %", "better": "higher", "ours": 70.0, START: 60.0, "protocol": "seen"},
        {"metric": "PCK, %", "better": "higher", "ours": 50.0, START: "", "protocol": "seen"},
    ]
    assert START == "start without this training"
