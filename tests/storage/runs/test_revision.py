import subprocess
from importlib.metadata import version

from storage.runs import revision


def test_a_checkout_names_its_commit():
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=revision.REPOSITORY, capture_output=True, text=True, check=False
    )
    if head.returncode == 0:
        assert revision.code().split()[1].rstrip("+") == head.stdout[:12]


def test_without_git_the_version_answers(monkeypatch):
    monkeypatch.setenv("PATH", "")
    revision.code.cache_clear()
    assert revision.code() == f"farm3d {version('farm3d')}"
    revision.code.cache_clear()
