"""The index of a shard: one Parquet row per attempted sample, always with the same columns."""

# pyarrow.parquet has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from storage.dataset.records import SampleRow
from storage.store.errors import REMEDY, CorruptArtifact, words

_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()

SCHEMA = pa.schema(
    [
        ("key", _TEXT),
        ("category", _TEXT),
        ("prompt", _TEXT),
        ("view", _TEXT),
        ("coat", _TEXT),
        ("age", _TEXT),
        ("action", _TEXT),
        ("place", _TEXT),
        ("seed", _INT),
        ("sampler", _TEXT),
        ("steps", _INT),
        ("guidance", _REAL),
        ("negative_prompt", _TEXT),
        ("model", _TEXT),
        ("model_digest", _TEXT),
        ("photo_width", _INT),
        ("photo_height", _INT),
        ("box", pa.list_(_INT)),
        ("scores", pa.map_(_TEXT, _REAL)),
        ("kept", pa.bool_()),
        ("reason", _TEXT),
        ("split", _TEXT),
        ("sha256", _TEXT),
        ("phash", _TEXT),
        ("width", _INT),
        ("height", _INT),
        ("parts", pa.map_(_TEXT, pa.list_(_INT))),
    ]
)


LARGEST = 64 << 20
"""Bytes of a table when it is unpacked; that of 1,000 samples has 1 MB."""


def to_parquet(rows: Sequence[SampleRow]) -> bytes:
    """The rows as one Parquet file: the same rows, the same bytes."""
    plain = [_plain(row) for row in rows]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(plain, schema=SCHEMA), buffer, compression="zstd")
    return buffer.getvalue()


def _plain(row: SampleRow) -> Mapping[str, object]:
    """A row as pyarrow takes it: maps as pairs, in one order."""
    return row.model_dump() | {"scores": sorted(row.scores.items()), "parts": sorted(row.parts.items())}


def from_parquet(data: bytes, where: str, rows: int) -> list[SampleRow]:
    """The so many rows of a Parquet file that was read at `where`.

    Raises CorruptArtifact if it is torn, or has other columns or another number of rows, or more than `LARGEST` bytes.
    """
    remedy = REMEDY
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        # What a few bytes say that they unpack to is asked before any are unpacked.
        size = sum(file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups))
        if file.metadata.num_rows != rows:
            raise CorruptArtifact(where, f"has {file.metadata.num_rows} rows, not {rows}", remedy)
        if not 0 <= size <= LARGEST:
            raise CorruptArtifact(where, f"unpacks to {size} bytes, more than {LARGEST}", remedy)
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise CorruptArtifact(where, f"is no whole Parquet file ({words(error)})", remedy) from error
    if not table.schema.equals(SCHEMA):
        odd = sorted(set(table.schema.names) ^ set(SCHEMA.names)) or "their types"
        raise CorruptArtifact(where, f"has other columns than a sample index: {odd}", remedy)
    try:
        return [SampleRow.model_validate(row) for row in table.to_pylist(maps_as_pydicts="strict")]
    except (ValidationError, ValueError, KeyError) as error:
        raise CorruptArtifact(where, f"has a row that is no sample ({words(error)})", remedy) from error
