import re

import pytest

from flows.cli import run_results
from flows.cli.run_progress import RunProgress, StageProgress
from flows.plan.plan import load_plan
from storage.runs.scores import START, Score, encode_scores
from storage.store import bundles, layout
from tests.storage.material import ABOUT

RUN = "farm3d-smoke-0123"
VALUES = {RUN: 87.25, START: 87.5, "mean mesh": 57.3, "unit sphere": 40.0}


def score(metric, method, mean):
    return Score(metric=metric, unit="%", better="higher", method=method, mean=mean, spread=1, count=4, protocol="so")


@pytest.fixture
def finished(tmp_path):
    """The plan of a run that has its tables and its release, and how it ended."""
    from storage.runs.releases import ReleaseAbout
    from tasks.evaluate import EvaluationAbout

    plan = load_plan("cow", "smoke", str(tmp_path))
    names = ("scaled Chamfer", "mask IoU", "novel view PSNR", "azimuth within 30 degrees", "boundary F")
    table = [score(name, method, mean) for name in names for method, mean in VALUES.items()]
    folder = layout.evaluation(plan.store.model("cow", RUN))
    bundles.commit(folder, {"held-out-animals.json": encode_scores(table)}, EvaluationAbout(protocol="so"))
    release = layout.release(plan.store.release("cow", RUN))
    contents = dict.fromkeys(("report.html", "cow-1.glb", "walk.webp"), b"x")
    bundles.commit(release, contents, ReleaseAbout.model_validate(ABOUT))
    stages = (StageProgress("crops", "done", 24, 24, "kept"),)
    return plan, RunProgress("Completed", True, True, "", 95.0, stages, RUN)


def test_the_end_has_three_numbers_beside_the_start_and_a_blind_guess(finished):
    document = run_results.collect_results(*finished, "http://ui")
    numbers = document["numbers"]
    assert [each["metric"] for each in numbers] == ["mask IoU", "azimuth within 30 degrees", "novel view PSNR"]
    own = {"metric": "mask IoU", "unit": "%", "better": "higher", "this run": 87.25}
    assert numbers[0] == {**own, "its start": 87.5, "mean mesh": 57.3}
    assert document["measured"] == "measured on held out animals"


def test_the_end_says_what_was_made_where_it_lies_and_what_to_type_next(finished, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run_results.print_results(run_results.collect_results(*finished, "http://ui"))
    text = capsys.readouterr().out
    assert "cow is done in 1m35s: 24 pictures kept." in text
    folder = f"cow/releases/{RUN}"
    assert f"report          {folder}/report.html" in text and f"rigged animals  {folder}/cow-1.glb" in text
    assert "measured on held out animals, higher is better:" in text
    assert re.search(r"this run +its start +mean mesh", text) and re.search(r"mask IoU, % +87.2 +87.5 +57.3", text)
    assert "reconstruct YOUR_PHOTO.jpg -o animal.glb --category cow" in text


def test_a_run_that_failed_has_no_release(finished):
    plan, progress = finished
    from dataclasses import replace

    document = run_results.collect_results(plan, replace(progress, is_done=False, state="Failed"), "http://ui")
    assert document["state"] == "Failed" and "release" not in document


def test_a_run_without_its_tables_says_that_it_was_not_measured(finished):
    plan, progress = finished
    from dataclasses import replace

    document = run_results.collect_results(plan, replace(progress, training_run="another"), "http://ui")
    assert document["measured"] == "not measured" and document["numbers"] == []
