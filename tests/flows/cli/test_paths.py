import sys
from pathlib import Path

import pytest

from flows.cli import paths
from flows.cli.paths import local_path


def test_a_path_is_a_path_whatever_its_letters():
    assert local_path("a::b.glb") == Path("a::b.glb") and local_path("C:/x") == Path("C:/x")


@pytest.mark.parametrize("typed", ["s3://farm/out/cow.glb", "file:///tmp/cow.glb", "https://farm/cow.glb"])
def test_an_address_is_refused(typed):
    with pytest.raises(ValueError, match="is an address; give a path on this machine"):
        local_path(typed)


@pytest.mark.parametrize(
    ("program", "shown"), [("/venv/bin/farm3d", "/venv/bin/farm3d"), ("/code/farm3d.py", "python -m farm3d")]
)
def test_the_next_command_can_be_typed_as_it_stands(monkeypatch, program, shown):
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(paths.shutil, "which", lambda _: None)
    assert paths.shown_command() == shown
    monkeypatch.setattr(paths.shutil, "which", lambda name: program)
    assert paths.shown_command() == "farm3d"
    monkeypatch.setattr(paths.shutil, "which", lambda name: "/elsewhere/farm3d")
    assert paths.shown_command() == shown


def test_an_address_stays_an_address():
    assert paths.shown_path("s3://farm/cow/report.html") == "s3://farm/cow/report.html"
