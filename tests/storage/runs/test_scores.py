import pytest

from storage.runs.scores import Score, decode_scores, encode_scores
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
