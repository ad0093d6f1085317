import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.dataset.records import SampleRow
from storage.dataset.tables import LATER, SCHEMA, from_parquet, to_parquet
from storage.store.errors import CorruptArtifact
from tests.storage.material import row

ROWS = [row(0), row(1, box=None, scores={}), row(2, kept=False, reason="too small")]


def test_rows_come_back_as_they_were() -> None:
    assert from_parquet(to_parquet(ROWS), "a.parquet") == ROWS
    assert from_parquet(to_parquet([]), "a.parquet") == []


def test_the_same_rows_are_the_same_bytes() -> None:
    turned = [each.model_copy(update={"scores": dict(reversed(each.scores.items()))}) for each in ROWS]
    assert to_parquet(ROWS) == to_parquet(turned)


def test_a_column_for_every_field() -> None:
    assert SCHEMA.names == list(SampleRow.model_fields)


def test_anybody_can_ask_the_table_why_samples_were_dropped() -> None:
    table = pq.read_table(io.BytesIO(to_parquet(ROWS)), filters=[("kept", "=", False)], columns=["reason"])
    assert table.to_pydict() == {"reason": ["too small"]}


@pytest.mark.parametrize("torn", [b"", b"PAR1", to_parquet(ROWS)[:-7], to_parquet(ROWS)[100:]])
def test_a_torn_table_is_refused(torn) -> None:
    with pytest.raises(CorruptArtifact, match=r"a\.parquet: is no whole Parquet file .*; put the shard in quarantine"):
        from_parquet(torn, "a.parquet")


def test_other_columns_are_refused_by_name() -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"key": ["a"], "colour": ["red"]}), buffer)
    with pytest.raises(CorruptArtifact, match="other columns than a sample index.*'colour'"):
        from_parquet(buffer.getvalue(), "a.parquet")


@pytest.mark.parametrize("added", [["negative_prompt"], sorted(LATER)])
def test_an_index_of_before_columns_were_added_is_read(added) -> None:
    old = pq.read_table(io.BytesIO(to_parquet([row(0), row(1)]))).drop_columns(added)
    buffer = io.BytesIO()
    pq.write_table(old, buffer)
    assert from_parquet(buffer.getvalue(), "a.parquet") == [row(0), row(1)]


def test_a_row_that_is_no_sample_is_refused() -> None:
    buffer = io.BytesIO()
    bad = {**row(0).model_dump(), "scores": [], "key": "../cow"}
    pq.write_table(pa.Table.from_pylist([bad], schema=SCHEMA), buffer)
    with pytest.raises(CorruptArtifact, match="a row that is no sample.*key"):
        from_parquet(buffer.getvalue(), "a.parquet")
