import pytest

from storage.runs.releases import ReleaseAbout
from storage.store import bundles, layout
from storage.store.layout import Store
from tests.flows.cli.typed import ended, said
from tests.storage.material import ABOUT


class Services:
    """A launcher that starts nothing."""

    ui, hint, status = "http://ui", "", 0

    def __init__(self, port=0):
        self.ran = []
        Services.last = self

    def up(self):
        pass

    def down(self):
        return ["worker", "server"]

    def prefect(self, *arguments):
        self.ran.append(arguments)
        return self.status


@pytest.fixture
def services(monkeypatch):
    monkeypatch.setattr("flows.cli.launcher.Launcher", Services)
    return Services


def test_a_run_is_watched_and_its_results_are_told(services, tmp_path):
    release = Store(str(tmp_path)).release("cow", "smoke-1")
    bundles.commit(layout.release(release), {"report.html": b"<html>"}, ReleaseAbout.model_validate(ABOUT))
    code, output = said("run", "cow", "--scale", "smoke", "--root", str(tmp_path))
    (ran,) = services.last.ran
    assert code == 0 and ran[:3] == ("deployment", "run", "farm3d/cow") and ran[-1] == "--watch"
    assert "scale=smoke" in ran
    assert layout.member(layout.release(release), "report.html") in output.replace("\n", "")
    assert "cow-1.glb" in output and "http://ui" in output


def test_a_failed_run_fails(services, monkeypatch, tmp_path):
    monkeypatch.setattr(services, "status", 1)
    code, output = said("run", "cow", "--root", str(tmp_path))
    assert code == 1 and "report" not in output


def test_an_unknown_category_is_refused_before_anything_starts(services, capsys, monkeypatch):
    code, _, err = ended(monkeypatch, capsys, "run", "dragon")
    assert code == 1 and "'dragon' is unknown; choose cow" in err


def test_a_run_learns_by_the_method_that_is_named(services, tmp_path):
    code, _ = said("run", "cow", "--method", "magicpony", "--root", str(tmp_path))
    (ran,) = services.last.ran
    assert code == 0 and ran[2] == "magicpony/cow"


def test_an_unknown_method_is_refused_before_anything_starts(services, monkeypatch, capsys):
    code, _, err = ended(monkeypatch, capsys, "run", "cow", "--method", "dreams")
    assert code == 1 and "error: method 'dreams' is unknown; choose farm3d" in err
