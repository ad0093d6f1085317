"""What a stranger may have put into a store: each file is one clear error, runs nothing, and keeps nobody waiting.

The stranger can write manifests too, so every digest and size vouches for what lies there.
"""

import gzip
import io
import os
import pickle
import signal
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from models.data.columns import CAMERA, CameraColumn
from storage.dataset import samples, shards
from storage.dataset.encoding import encode_sample
from storage.dataset.records import SampleRow
from storage.dataset.tables import SCHEMA, to_parquet
from storage.dataset.tar_io import TarStream
from storage.runs.checkpoints import Checkpoint, Checkpoints
from storage.store import layout
from storage.store.errors import StorageError
from storage.store.references import ShardRef
from storage.store.versions import encode
from tests.storage.material import RECIPE, row, sample

PATIENCE_SECONDS = 5.0
MEBI = 1 << 20
CANARY = Path(os.devnull).parent / "shm" / f"farm3d-canary-{os.getpid()}"
"""What a file would make if anything in it were run."""


class Evil:
    """Leaves a trace where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {CANARY}",)


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 1, target: str = "") -> bytes:
    """A tar with one member, whatever its header says of it."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    header = info.tobuf(tarfile.GNU_FORMAT)
    return header + b"x".ljust(512, b"\0") + bytes(1024)


def renamed(kind: bytes, says: bytes) -> bytes:
    """A member with a PAX or GNU header before it, which gives it another name."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(says)
    return info.tobuf(tarfile.GNU_FORMAT) + says.ljust(512, b"\0") + member("a.jpg")


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG of one bit a pixel that says how large it is."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    written = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def picture(kind: str, mode: str = "RGB", size: int = 16) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (size, size)).save(buffer, kind)
    return buffer.getvalue()


def table(rows: Iterable[dict[str, object]], schema: pa.Schema = SCHEMA) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), buffer)
    return buffer.getvalue()


def plain(**changes: object) -> dict[str, object]:
    """A row as a table holds it."""
    return {**row(0).model_dump(), "scores": [], "parts": [], **changes}


def nulls(count: int) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(
        pa.table({name: pa.nulls(count, kind) for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True)}), buffer
    )
    return buffer.getvalue()


def pickled_schema() -> bytes:
    """A table whose schema asks a reader to unpickle a type (CVE-2023-47248)."""
    about = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickle.dumps(Evil())}
    fields = [field.with_metadata(about) if field.name == "prompt" else field for field in SCHEMA]
    return table([plain()], pa.schema(fields, metadata={b"pandas": pickle.dumps(Evil())}))


def npy(header: str, data: bytes = b"") -> bytes:
    """An array file with this header."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def npz(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def array(value: np.ndarray, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, **options)
    return buffer.getvalue()


FOV, CAMERA_MATRIX = array(np.float32(1)), array(np.eye(4, dtype=np.float32))
TORCH = io.BytesIO()
torch.save({"weights": torch.zeros(3), "evil": Evil()}, TORCH)
WHOLE = encode_sample(sample(0))
TAR = b"".join(TarStream([(sample(0).row.key, WHOLE)], "a.tar"))
KEY = sample(0).row.key

TARS = {
    "a soft link": member("a.jpg", tarfile.SYMTYPE, 0, "/etc/passwd"),
    "a hard link": member("a.jpg", tarfile.LNKTYPE, 0, "/etc/passwd"),
    "a named pipe": member("a.jpg", tarfile.FIFOTYPE, 0),
    "a character device": member("a.jpg", tarfile.CHRTYPE, 0),
    "a block device": member("a.jpg", tarfile.BLKTYPE, 0),
    "a folder": member("a", tarfile.DIRTYPE, 0),
    "a sparse file": member("a.jpg", tarfile.GNUTYPE_SPARSE),
    "an absolute name": member("/etc/a.jpg"),
    "a name above": member("../a.jpg"),
    "a name within": member("b/a.jpg"),
    "a PAX header with another name": renamed(tarfile.XHDTYPE, b"20 path=../../a.jpg\n"),
    "a GNU header with another name": renamed(tarfile.GNUTYPE_LONGNAME, b"../" * 40 + b"a.jpg\0"),
    "capitals": member("A.JPG"),
    "a pickle": member("a.pkl"),
    "what is not declared": member("a.cam.npz"),
    "one name twice": TAR[: 512 * ((len(WHOLE["jpg"]) + 511) // 512 + 1)] + TAR,
    "two gibibytes that are not there": member("a.jpg", size=2 << 30),
    "a negative size": member("a.jpg", size=-512),
    "a compressed tar": gzip.compress(TAR),
    "a torn tar": TAR[:700],
    "what is no tar": b"no tar at all" * 100,
    "nothing": b"",
    "a member without a row": b"".join(TarStream([(KEY, WHOLE), ("cow-other", WHOLE)], "a.tar")),
    "a row without its member": b"".join(TarStream([("cow-other", WHOLE)], "a.tar")),
}
MEMBERS = {
    "a mask of 900 million pixels": {"mask.png": png(30_000, 30_000)},
    "a photo of 900 million pixels": {"jpg": WHOLE["jpg"].replace(b"\x00\x10\x00\x10\x03", b"\x75\x30\x75\x30\x03")},
    "a photo that is a GIF": {"jpg": picture("GIF")},
    "a photo that is PostScript": {"jpg": picture("EPS")},
    "a photo that is a PNG": {"jpg": picture("PNG")},
    "a mask of colours": {"mask.png": picture("PNG")},
    "a torn photo": {"jpg": WHOLE["jpg"][:300]},
    "a photo of nothing": {"jpg": b""},
}
TABLES = {
    "three million empty rows": nulls(3_000_000),
    "what is no table": b"PAR1" + bytes(100) + b"PAR1",
    "a torn table": to_parquet([row(0)])[:-9],
    "other columns": table([{"key": "a"}], pa.schema([("key", pa.string())])),
    "a type to be unpickled": pickled_schema(),
    "empty values": table([dict.fromkeys(SCHEMA.names)]),
    "a key that is a path": table([plain(key="../../cow")]),
    "a picture that lies elsewhere": table([plain(parts=[("jpg", [0, 1 << 40])])]),
    "a picture before the file": table([plain(parts=[("jpg", [-512, 10])])]),
    "a place of three numbers": table([plain(parts=[("jpg", [1, 2, 3])])]),
    "a kept row without a picture": table([plain()]),
}
COLUMNS = {
    "an array of two terabytes": npz(
        fov=FOV, T_camera_world=npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 500000)}\n")
    ),
    "an array of objects": npz(fov=FOV, T_camera_world=array(np.array([Evil()], object), allow_pickle=True)),
    "an array whose header is code": npz(fov=FOV, T_camera_world=npy(f"__import__('os').system('touch {CANARY}')\n")),
    "an array of unknown kind": npz(
        fov=FOV, T_camera_world=npy("{'descr': 'O!', 'fortran_order': False, 'shape': (1,)}\n")
    ),
    "arrays that unpack to 300 MB": npz(fov=FOV, T_camera_world=bytes(300 * MEBI)),
    "a pickle for arrays": pickle.dumps(Evil()),
    "an array too many": npz(fov=FOV, T_camera_world=CAMERA_MATRIX, more=FOV),
}
STATES = {
    "a state with a pickle": TORCH.getvalue(),
    "a pickle": pickle.dumps(Evil()),
    "no state": b"PK\x03\x04" + bytes(99),
}


@pytest.fixture(autouse=True)
def _nothing_runs_and_nobody_waits(tmp_path):
    """Neither the canary nor any other file comes about, and the answer comes in time."""

    def late(*_: object) -> None:
        raise AssertionError(f"gave no answer in {PATIENCE_SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    assert not CANARY.exists()
    store = tmp_path / "store"
    assert [file for file in tmp_path.rglob("*") if file.is_file() and store not in file.parents] == []


def forge(ref: ShardRef, tar: bytes = TAR, index: bytes = b"") -> None:
    """A committed shard with another tar or table, for which its manifest vouches."""
    entry = shards.write(ref, [sample(0)], RECIPE)
    rows = index or Path(layout.table(ref)).read_bytes()
    Path(layout.tar(ref)).write_bytes(tar)
    Path(layout.table(ref)).write_bytes(rows)
    sums = {
        "tar_bytes": len(tar),
        "tar_sha256": sha256(tar).hexdigest(),
        "table_bytes": len(rows),
        "table_sha256": sha256(rows).hexdigest(),
    }
    Path(layout.manifest(ref)).write_bytes(encode(entry.model_copy(update=sums)))


def refused(read: Callable[[], object], where: str) -> None:
    with pytest.raises(StorageError) as caught:
        read()
    said = str(caught.value)
    assert said.startswith(where) and said.count("\n") == 0 and len(said) < 600 and "; " in said, said


@pytest.mark.parametrize("tar", TARS.values(), ids=TARS)
def test_a_hostile_tar_is_one_clear_error(shard, tar) -> None:
    forge(shard, tar)
    refused(lambda: list(samples.of_shard(shard)), layout.tar(shard).removesuffix(".tar"))


@pytest.mark.parametrize("members", MEMBERS.values(), ids=MEMBERS)
def test_a_hostile_member_is_one_clear_error(shard, members) -> None:
    stream = TarStream([(KEY, {**WHOLE, **members})], "a.tar")
    tar = b"".join(stream)
    parts = {name.removeprefix(f"{KEY}."): place for name, place in stream.positions.items()}
    forge(shard, tar, to_parquet([row(0, width=16, height=16, parts=parts)]))
    refused(lambda: list(samples.of_shard(shard)), layout.tar(shard))


@pytest.mark.parametrize("index", TABLES.values(), ids=TABLES)
def test_a_hostile_table_is_one_clear_error(shard, index) -> None:
    forge(shard, index=index)
    refused(lambda: list(samples.of_shard(shard)), layout.table(shard))


@pytest.mark.parametrize("data", COLUMNS.values(), ids=COLUMNS)
def test_a_hostile_column_is_one_clear_error(data) -> None:
    with pytest.raises(ValueError, match=r"column cam: .*; derive it again"):
        CAMERA.decode(data, "0123")


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_hostile_checkpoint_is_passed_over_with_one_clear_warning(folder, state, caplog) -> None:
    states = Checkpoints(folder)
    states.save(1, {"weights": torch.zeros(3)})
    Path(layout.checkpoint(folder, 2)).write_bytes(state)
    entry = Checkpoint(step=2, size=len(state), digest=sha256(state).hexdigest())
    Path(layout.checkpoint_manifest(folder, 2)).write_bytes(encode(entry))
    step, _ = states.newest()
    assert step == 1 and len(caplog.messages) == 1 and caplog.messages[0].startswith(layout.checkpoint(folder, 2))


def test_what_the_stranger_left_alone_is_read(shard) -> None:
    """The forged shards are refused for what is wrong with them, not for how they were forged."""
    forge(shard)
    (read,) = samples.of_shard(shard)
    assert isinstance(read.row, SampleRow) and read.image is not None
    stored = npz(fov=FOV, T_camera_world=CAMERA_MATRIX)
    assert isinstance(CAMERA.decode(stored, "0123").estimate, CameraColumn)
