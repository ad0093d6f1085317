import pytest

from storage.dataset import catalogue, derived, samples, shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.derived import DerivedRecipe, derived_manifest, derived_samples, derived_shard, hold_derived
from storage.dataset.encoding import Sample
from storage.dataset.pruning import prune
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.layout import Store
from storage.store.references import DerivedRef, digest
from tests.storage import material
from tests.storage.deaths import killed_at
from tests.storage.material import contents, flip

CROPS = material.RECIPE | {"photos": {"seed": 1}}
RECIPE = DerivedRecipe(crops=digest(CROPS), method="farm3d", model="ab" * 32, columns=("cam.npz", "mesh.npz"))


def derive(crops):
    """What a model would answer, from the key of the crop alone."""
    return [{"cam.npz": crop.row.key.encode(), "mesh.npz": b"mesh"} for crop in crops]


def crops(root, index=0, count=5):
    ref = Store(root).curated("cow", digest(CROPS), index)
    shards.write(ref, material.samples(count, first=20 * index), CROPS)
    return ref


def distil(ref, answer=derive):
    """The derived shard of a curated one."""
    child, parent = Store(ref.root).derived("cow", digest(RECIPE), ref.index), shards.manifest(ref)
    with hold_derived(child, parent) as entry:
        if entry is None:
            stored = samples.of_shard(ref)
            answers = derived_samples(stored, stored.absent, answer, 2)
            shards.write(child, answers, RECIPE, parent.tar_sha256)
    return child


@pytest.fixture
def two(root):
    """A snapshot of two shards."""
    return snapshots.commit([crops(root, index) for index in range(2)])


def derived_of(ref):
    for entry in snapshots.read(ref).shards:
        distil(snapshots.shard(ref, entry))
    return DerivedRef(crops=ref, digest=digest(RECIPE))


def test_it_has_the_keys_of_its_parent_and_says_what_it_was_made_from(root):
    parent = crops(root)
    child = distil(parent)
    manifest, rows = shards.manifest(child), shards.verify(child)
    assert [row.key for row in rows] == [row.key for row in shards.verify(parent)]
    assert manifest.made_from == shards.manifest(parent).tar_sha256
    assert DerivedRecipe.model_validate(manifest.config) == RECIPE
    assert manifest.columns == RECIPE.columns and manifest.stored == manifest.kept == 4
    assert all(row.parts.keys() == set(RECIPE.columns) for row in rows if row.kept)


def test_it_is_read_in_the_order_of_the_crops_and_of_the_same_split(two):
    ref = derived_of(two)
    for split in ("train", "validation"):
        of_crops, of_columns = samples.of_dataset(two, split), samples.of_derived(ref, split)
        assert [row.key for row in of_columns.rows] == [row.key for row in of_crops.rows]
        assert all(answer.columns["cam.npz"] == answer.row.key.encode() for answer in of_columns)


def test_what_a_snapshot_leaves_out_is_left_out_of_what_is_derived(root):
    refs = [crops(root)]
    twin = shards.verify(refs[0])[0].key
    dataset = snapshots.commit(refs, lambda _: material.duplicates(twin))
    keys = [row.key for split in ("train", "validation") for row in samples.of_derived(derived_of(dataset), split).rows]
    assert len(keys) == 3 and twin not in keys


def test_it_is_made_once(root):
    parent = crops(root)
    distil(parent)
    before = contents(root) if not root.startswith("s3") else None
    distil(parent, lambda _: pytest.fail("derived again"))
    assert before is None or contents(root) == before


def test_killed_anywhere_it_is_made_again_with_the_same_bytes(tmp_path):
    whole = crops(str(tmp_path / "whole"))
    distil(whole)
    step = 0
    while True:
        parent = crops(str(tmp_path / str(step)))
        died = killed_at(step, lambda parent=parent: distil(parent))
        distil(parent)
        assert contents(parent.root) == contents(whole.root)
        if not died:
            break
        step += 1
    assert step > 5


def test_crops_that_were_made_anew_are_derived_anew(root):
    parent = crops(root)
    child = distil(parent)
    files.remove(layout.manifest(parent))
    shards.write(parent, material.samples(4, first=50), CROPS)
    dataset = snapshots.commit([parent])
    with pytest.raises(
        CorruptArtifact, match="derived from crops of sha256 .*; run the flow again, which derives it anew"
    ):
        samples.of_derived(DerivedRef(crops=dataset, digest=digest(RECIPE)), "train")
    (fault,) = find_data_faults(root, "cow")
    assert fault.where == layout.tar(child) and "was derived from crops of sha256" in fault.what
    distil(parent)
    assert shards.manifest(child).kept == 3 and list(find_data_faults(root, "cow")) == []
    assert derived_manifest(child, shards.manifest(parent).tar_sha256).rows == 4


def test_what_is_not_derived_yet_says_so(two):
    with pytest.raises(MissingArtifact, match="derived/.*: is not committed; type `farm3d verify --repair`, then run"):
        samples.of_derived(DerivedRef(crops=two, digest=digest(RECIPE)), "train")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda crops: derive(crops)[1:], "answers were derived from 2 crops; give one for each"),
        (lambda crops: [{} for _ in crops], r"has the columns \[\], the samples before it \[\]; give all the same"),
        (
            lambda crops: [{"cam.npz": b"1"}, {"mesh.npz": b"2"}][: len(crops)],
            "the samples before it .'cam.npz'.; give",
        ),
        (lambda crops: [{"jpg": b"a picture"} for _ in crops], "has an image; a derived shard holds columns only"),
        (lambda crops: [{"Cam.PKL": b""} for _ in crops], "has another name than"),
    ],
)
def test_what_contradicts_itself_is_not_committed(folder, answer, complaint):
    parent = crops(folder)
    with pytest.raises(ValueError, match=complaint):
        distil(parent, answer)
    assert shards.find_committed(Store(folder).derived("cow", digest(RECIPE), 0)) is None


def test_a_corrupt_one_is_found_moved_to_quarantine_and_derived_again(folder):
    parent = crops(folder)
    child = distil(parent)
    flip(layout.tar(child), 600)
    (fault,) = find_data_faults(folder, "cow")
    assert fault.where.startswith(layout.tar(child).removesuffix("tar")) and fault.mend()
    (note,) = shards.quarantine_notes(folder, "cow")
    assert note.shard == layout.tar(child)
    distil(parent)
    assert list(find_data_faults(folder, "cow")) == []


def test_it_goes_with_its_parents_and_stays_with_them(root):
    old = snapshots.commit([crops(root)])
    derived_of(old)
    other = CROPS | {"size": 99}
    ref = Store(root).curated("cow", digest(other), 0)
    shards.write(ref, material.samples(3, first=80), other)
    raw = Store(root).raw("cow", digest(CROPS["photos"]), 0)
    shards.write(raw, material.samples(3, first=90), CROPS["photos"])
    assert prune(root, "cow", 1).waste == ()
    snapshots.commit([ref])
    assert [catalogue.derivations(Store(root).dataset("cow", number)) != [] for number in (1, 2)] == [True, False]
    going = [waste.where for waste in prune(root, "cow", 1).waste]
    child = derived_shard(DerivedRef(crops=old, digest=digest(RECIPE)), 0)
    assert layout.manifest(child) in going and shards.find_committed(child) is None
    assert going.index(layout.tar(child)) < going.index(layout.manifest(Store(root).curated("cow", digest(CROPS), 0)))
    assert shards.find_committed(raw) is not None and list(find_data_faults(root, "cow")) == []
    assert derived.recipes(root, "cow") == {}


def test_one_whose_crops_are_gone_is_named(root):
    parent = crops(root)
    child = distil(parent)
    for url in (layout.manifest(parent), layout.table(parent), layout.tar(parent)):
        files.remove(url)
    (fault,) = find_data_faults(root, "cow")
    assert fault.where == layout.tar(child) and "its crops are gone" in fault.what


def test_how_much_is_derived_is_counted(two):
    first, second = (snapshots.shard(two, entry) for entry in snapshots.read(two).shards)
    assert catalogue.derivations(two) == []
    distil(first)
    assert catalogue.derivations(two) == [catalogue.Derivation(RECIPE, 1, 2)]
    distil(second)
    assert catalogue.derivations(two) == [catalogue.Derivation(RECIPE, 2, 2)]


def test_a_derived_sample_without_anything_is_only_a_row():
    crop = material.sample(1)
    (one, rest) = derived_samples([crop], [material.row(2)], derive, 8)
    assert one == Sample(crop.row, columns=derive([crop])[0]) and rest == Sample(material.row(2))
