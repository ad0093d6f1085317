import pytest

from storage.dataset import pages as module
from storage.dataset.pages import PAIRS, SHARDS, Pages
from storage.dataset.records import SnapshotShard
from storage.store import files, layout
from storage.store.errors import CorruptArtifact


@pytest.fixture(autouse=True)
def _forget():
    """What an earlier test has read is read again."""
    module._read_shards.cache_clear()
    module._read_plain.cache_clear()


def pinned(index: int) -> SnapshotShard:
    return SnapshotShard(
        stage="curated",
        digest="0123",
        index=index,
        rows=3,
        kept=2,
        reasons={"too small": 1},
        tar_bytes=10,
        tar_sha256=f"{index:064x}",
        table_sha256="0" * 64,
    )


def test_what_is_written_is_read_again_in_its_order(folder) -> None:
    pages, shards = Pages(folder, "cow"), [pinned(index) for index in range(2 * SHARDS + 1)]
    pairs = {f"cow-{number}": f"cow-{number + 1}" for number in range(PAIRS + 1)}
    written, paired = pages.write_shards(shards), pages.write_pairs(pairs)
    assert (len(written), len(paired)) == (3, 2)
    assert pages.shards(written, "0123") == tuple(shards)
    assert list(pages.plain(*paired).items()) == list(pairs.items())
    assert pages.plain(pages.write_plain({})) == pages.plain() == {}


def test_a_longer_list_has_the_whole_pages_of_the_shorter_one(folder) -> None:
    pages, shards = Pages(folder, "cow"), [pinned(index) for index in range(2 * SHARDS + 2)]
    shorter, longer = (pages.write_shards(shards[:count]) for count in (2 * SHARDS + 1, 2 * SHARDS + 2))
    assert shorter[:2] == longer[:2] and shorter[2] != longer[2]
    assert len(pages.digests()) == 4


def test_a_damaged_page_is_read_from_its_copy_and_two_are_an_error(folder) -> None:
    pages = Pages(folder, "cow")
    digest = pages.write_plain({"size": 16})
    where = layout.page(folder, "cow", digest)
    files.put(where, b'{"size":17}')
    assert pages.plain(digest) == {"size": 16} and pages.stored(digest).damage().keys() == {where}
    module._read_plain.cache_clear()
    files.remove(layout.copy(folder, "cow", where))
    with pytest.raises(CorruptArtifact, match=f"{digest}.json: has sha256"):
        pages.plain(digest)
    files.remove(where)
    with pytest.raises(CorruptArtifact, match="is gone, and its copy too; type `farm3d verify --repair`"):
        pages.plain(digest)
    assert pages.write_plain({"size": 16}) == digest and pages.stored(digest).damage() == {}
