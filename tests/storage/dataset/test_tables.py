import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.dataset import tables
from storage.dataset.records import SampleRow
from storage.dataset.tables import SCHEMA, from_parquet, to_parquet
from storage.store.errors import CorruptArtifact
from tests.storage.material import row

ROWS = [
    row(0, parts={"jpg": (512, 700), "mask.png": (2048, 90)}),
    row(1, box=None, scores={}),
    row(2, kept=False, reason="too small"),
]


def test_rows_come_back_as_they_were() -> None:
    assert from_parquet(to_parquet(ROWS), "a.parquet", len(ROWS)) == ROWS
    assert from_parquet(to_parquet([]), "a.parquet", 0) == []


def test_the_same_rows_are_the_same_bytes() -> None:
    turned = [
        row.model_copy(update={name: dict(reversed(getattr(row, name).items())) for name in ("scores", "parts")})
        for row in ROWS
    ]
    assert to_parquet(ROWS) == to_parquet(turned)


def test_a_column_for_every_field() -> None:
    assert SCHEMA.names == list(SampleRow.model_fields)


def test_anybody_can_ask_the_table_why_samples_were_dropped() -> None:
    table = pq.read_table(io.BytesIO(to_parquet(ROWS)), filters=[("kept", "=", False)], columns=["reason"])
    assert table.to_pydict() == {"reason": ["too small"]}


@pytest.mark.parametrize("torn", [b"", b"PAR1", to_parquet(ROWS)[:-7], to_parquet(ROWS)[100:]])
def test_a_torn_table_is_refused(torn) -> None:
    with pytest.raises(
        CorruptArtifact, match=r"a\.parquet: is no whole Parquet file .*; type `farm3d verify --repair`, then run"
    ):
        from_parquet(torn, "a.parquet", len(ROWS))


def test_other_columns_are_refused_by_name() -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"key": ["a"], "colour": ["red"]}), buffer)
    with pytest.raises(CorruptArtifact, match="other columns than a sample index.*'colour'"):
        from_parquet(buffer.getvalue(), "a.parquet", 1)


def test_a_row_that_is_no_sample_is_refused() -> None:
    buffer = io.BytesIO()
    bad = {**row(0).model_dump(), "scores": [], "parts": [], "key": "../cow"}
    pq.write_table(pa.Table.from_pylist([bad], schema=SCHEMA), buffer)
    with pytest.raises(CorruptArtifact, match="a row that is no sample.*key"):
        from_parquet(buffer.getvalue(), "a.parquet", 1)


def test_another_number_of_rows_and_too_many_bytes_are_refused_before_they_are_unpacked(monkeypatch) -> None:
    data = to_parquet(ROWS)
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_: pytest.fail("was unpacked"))
    with pytest.raises(CorruptArtifact, match=r"a\.parquet: has 3 rows, not 4"):
        from_parquet(data, "a.parquet", 4)
    monkeypatch.setattr(tables, "LARGEST", 100)
    with pytest.raises(CorruptArtifact, match=r"a\.parquet: unpacks to \d+ bytes, more than 100"):
        from_parquet(data, "a.parquet", 3)
