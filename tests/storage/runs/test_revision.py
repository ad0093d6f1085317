import shutil
import subprocess
from importlib.metadata import version

import pytest

from storage.runs import revision


def test_a_checkout_names_its_commit():
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=revision.REPOSITORY, capture_output=True, text=True, check=False
    )
    if head.returncode == 0:
        assert revision.code().split()[1].rstrip("+") == head.stdout[:12]


@pytest.fixture
def forgotten():
    revision.code.cache_clear()
    yield
    revision.code.cache_clear()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_repository_around_an_installed_package_is_not_named(tmp_path, monkeypatch, forgotten):
    installed = tmp_path / ".venv" / "lib"
    installed.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "theirs"],
        cwd=tmp_path,
        check=True,
    )
    monkeypatch.setattr(revision, "REPOSITORY", installed)
    assert revision.code() == f"farm3d {version('farm3d')}"


def test_what_a_git_hook_leaves_in_the_environment_changes_nothing(tmp_path, monkeypatch, forgotten):
    truth = revision.code()
    revision.code.cache_clear()
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert revision.code() == truth


def test_without_git_the_version_answers(monkeypatch):
    monkeypatch.setenv("PATH", "")
    revision.code.cache_clear()
    assert revision.code() == f"farm3d {version('farm3d')}"
    revision.code.cache_clear()
