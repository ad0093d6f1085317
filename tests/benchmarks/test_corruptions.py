"""One file of every kind that a run or a repair has to bring back, damaged in the way that is hardest to see."""

import shutil

import pytest

from benchmarks.corruptions import KINDS, USED_UP, cases, make, play
from tests.tasks.material import tiny_vit

HARDEST = {kind: "digit" if (kind, "digit") in set(cases()) else "bit" for kind in KINDS}


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    """A finished farm that is not damaged, and the transformer that it was made with."""
    root, vit = tmp_path_factory.mktemp("farm") / "data", tiny_vit(tmp_path_factory.mktemp("vit"))
    make(root, vit)
    return root, vit


def test_there_are_as_many_cases_as_were_found_wanting():
    assert len(list(cases())) >= 77


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - USED_UP))
def test_it_is_told_and_brought_back(farm, tmp_path, kind):
    root = tmp_path / "damaged"
    shutil.copytree(farm[0], root)
    outcome = play(root, farm[1], kind, HARDEST[kind])
    assert outcome.verified and outcome.mended.startswith(("a run", "a repair")), outcome
    assert "for nobody needs it" not in outcome.mended and not outcome.answer, outcome
