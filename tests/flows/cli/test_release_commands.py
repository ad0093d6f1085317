import pytest

from storage.runs.releases import read_promotion, select_release
from storage.store.layout import Store
from tests.flows.cli.typed import ended, said
from tests.storage.material import publish


def test_a_promoted_release_answers_for_its_category(tmp_path):
    store = Store(str(tmp_path))
    publish(store, "laptop-1", scale="laptop")
    publish(store, "smoke-1", method="magicpony")
    assert select_release(store, "cow").ref.run == "laptop-1"
    code, output = said("promote", "cow/smoke-1", "--root", str(tmp_path))
    assert code == 0 and output.startswith("cow/smoke-1 answers for cow, promoted by ")
    assert select_release(store, "cow").ref.run == "smoke-1"


@pytest.mark.parametrize("named", ["cow/laptop-2", "cow", "dragon/laptop-1"])
def test_a_run_that_is_no_release_is_not_promoted(named, tmp_path, monkeypatch, capsys):
    publish(Store(str(tmp_path)), "laptop-1", scale="laptop")
    _, _, output = ended(monkeypatch, capsys, "promote", named, "--root", str(tmp_path))
    assert output.startswith("error: ") and "Traceback" not in output
    assert ("cow/laptop-1" if named.startswith("cow") else "'dragon' is unknown; choose cow") in output
    assert read_promotion(Store(str(tmp_path)), "cow") is None
