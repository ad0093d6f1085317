import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.cli.verify_command import verify
from storage.dataset import shards, snapshots
from storage.store import files, layout
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.material import RECIPE, flip, publish, samples


def said(*arguments):
    answer = CliRunner().invoke(app, ["verify", *arguments])
    return answer.exit_code, answer.stdout


def test_every_category_is_read_and_a_repair_says_what_it_did_and_what_it_could_not(tmp_path):
    store = Store(str(tmp_path))
    shard = store.curated("cow", digest(RECIPE), 0)
    shards.write(shard, samples(3), RECIPE)
    release = publish(store, "run", snapshot=snapshots.commit([shard]).snapshot)
    assert said("--root", store.root) == (0, f"{store.root}: every byte is what was committed\n")
    flip(layout.tar(shard), 700)
    files.put(layout.member(layout.release(release), "cow-1.glb"), b"a c[o]w")
    code, output = said("cow", "--root", store.root)
    assert code == 1 and "3 faults" not in output and shards.read_manifest(shard)
    assert "00000.tar: has sha256" in output and "cow-1.glb: has sha256" in output and "quarantine" not in output
    code, output = said("--root", store.root, "--repair")
    assert code == 1 and "(moved to quarantine; the next run makes it again)" in output
    assert "cow-1.glb: has sha256" in output and shards.read_manifest(shard) is None


def test_a_verdict_on_what_is_not_there_is_refused(tmp_path):
    store = Store(str(tmp_path))
    with pytest.raises(ValueError, match=f"{tmp_path}: there is no data; name what is there, or its folder as --root"):
        verify(root=store.root)
    publish(store, "run")
    with pytest.raises(ValueError, match="there is no data of 'horse', but of cow; name what is there"):
        verify(["cow", "horse"], root=store.root)
