from pathlib import Path

import pytest

from storage.store import layout
from storage.store.layout import Store


def test_a_relative_root_is_fixed_where_the_store_is_made(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    ref = Store("data").raw("cow", "0123", 0)
    monkeypatch.chdir("/")
    assert Path(layout.tar(ref)).is_relative_to(tmp_path)


@pytest.mark.parametrize("root", ["/data", "s3://bucket/farm3d", "memory://bucket"])
def test_everything_lies_below_the_root_and_nothing_lies_twice_in_one_place(root) -> None:
    pytest.importorskip("s3fs") if root.startswith("s3") else None
    store = Store(root + "/")
    shards = [store.raw("cow", "01", 0), store.raw("cow", "01", 1), store.curated("cow", "01", 0)]
    model = store.model("cow", "small-01")
    stages = ("shape", "texture")
    folders = [layout.checkpoints(model, stage) for stage in stages]
    paths = [path(ref) for ref in shards for path in (layout.tar, layout.table, layout.manifest)]
    paths += [layout.quarantine_folder(ref, count) for ref in shards for count in (1, 2)]
    paths += [layout.snapshot(store.dataset("cow", 1)), layout.snapshot(store.dataset("cow", 2))]
    paths += [
        layout.run_config(model),
        layout.model(model),
        layout.evaluation(model),
    ]
    for stage, folder in zip(stages, folders, strict=True):
        paths += [layout.bundle(layout.stage(model, stage)), layout.metrics(model, stage)]
        paths += [layout.panel(model, stage, step) for step in (1, 2)]
        paths += [layout.checkpoint(folder, 1), layout.checkpoint_manifest(folder, 1), layout.checkpoint(folder, 2)]
    paths += [layout.bundle(layout.comparison(store.root, "cow"))]
    paths += [layout.bundle(layout.release(store.release("cow", "small-01")))]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith(f"{root}/") and "//" not in path.removeprefix(root) for path in paths)


def test_what_file_managers_leave_beside_the_records_is_none_of_them(tmp_path) -> None:
    left = ("Thumbs.db", "desktop.ini", "@eaDir", "small-01 (copy)", "x" * 81, layout.PROMOTED)
    store = Store(str(tmp_path))
    for folder in (store.root, layout.releases(store.root, "cow"), layout.runs(store.root, "cow")):
        for name in ("small-01", *left):
            Path(folder, name).mkdir(parents=True)
    assert store.categories() == ["cow", "small-01"]
    assert [ref.run for ref in store.releases("cow")] == [ref.run for ref in store.models("cow")] == ["small-01"]


def test_a_file_keeps_its_name_in_another_folder() -> None:
    assert layout.inside("/a/b", "/c/d.tar") == "/a/b/d.tar"
