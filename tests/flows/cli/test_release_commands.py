import json
import os
from dataclasses import replace

import pytest

from storage.formats.glb import glb
from storage.formats.report import Report
from storage.runs.releases import read_promotion, select_release
from storage.store import bundles, layout
from storage.store.layout import Store
from storage.store.references import Record
from tests.flows.cli.typed import ended, printed, said
from tests.storage.material import publish
from tests.storage.tube import tube


def test_a_promoted_release_answers_for_its_category(tmp_path):
    store = Store(str(tmp_path))
    publish(store, "laptop-1", scale="laptop")
    publish(store, "smoke-1", method="magicpony")
    assert select_release(store, "cow").ref.run == "laptop-1"
    code, output = printed("promote", "cow/smoke-1", "--root", str(tmp_path))
    assert code == 0 and output.startswith("cow/smoke-1 answers for cow, promoted by ")
    assert select_release(store, "cow").ref.run == "smoke-1"


def test_a_user_without_a_name_promotes_by_number(tmp_path, monkeypatch):
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    publish(Store(str(tmp_path)), "smoke-1")
    code, output = printed("promote", "cow/smoke-1", "--root", str(tmp_path))
    assert code == 0 and f"promoted by user {os.getuid()} at" in output


@pytest.mark.parametrize("named", ["cow/laptop-2", "cow", "dragon/laptop-1"])
def test_a_run_that_is_no_release_is_not_promoted(named, tmp_path, monkeypatch, capsys):
    publish(Store(str(tmp_path)), "laptop-1", scale="laptop")
    _, _, output = ended(monkeypatch, capsys, "promote", named, "--root", str(tmp_path))
    assert "\nerror: " in output and "Traceback" not in output
    assert ("cow/laptop-1" if named.startswith("cow") else "'dragon' is unknown; choose cow") in output
    assert read_promotion(Store(str(tmp_path)), "cow") is None


@pytest.fixture
def drawn(monkeypatch):
    """Reports of releases that are named and not read."""
    monkeypatch.setattr(
        "tasks.reports.release_page.report_of_release", lambda release: Report(release.name, "a summary")
    )


def test_a_report_of_one_release_or_of_two_beside_each_other_is_one_file(tmp_path, drawn):
    store, root = Store(str(tmp_path / "data")), ("--root", str(tmp_path / "data"))
    publish(store, "laptop-1", scale="laptop")
    publish(store, "smoke-1", method="magicpony")
    one, two = tmp_path / "new" / "one.html", tmp_path / "two.html"
    code, output = said("report", "cow", "-o", str(one), *root)
    assert code == 0 and "one.html" in output
    assert "<h1>cow/laptop-1</h1>" in one.read_text() and "<dt>committed</dt><dd>20" in one.read_text()
    assert said("report", "cow/smoke-1", "cow/laptop-1", "-o", str(two), *root)[0] == 0
    assert "<h1>cow/smoke-1, beside cow/laptop-1</h1>" in two.read_text()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            ("cow/laptop-2", "-o", "a.html"),
            "error: cow/laptop-2: {root} has no such release; choose one of cow/laptop-1",
        ),
        (("cow", "cow/b", "-o", "a.html"), "error: cow/b: {root} has no such release; choose one of cow/laptop-1"),
        (("sheep", "-o", "a.html"), "error: sheep: {root} has no such release; make one with `farm3d run sheep`"),
        (("dragon", "-o", "a.html"), "'dragon' is unknown; choose cow"),
        (("cow", "-o", "a.pdf"), "error: a.pdf: its name ends in '.pdf'; give one that ends in .html"),
        (("cow", "-o", "data/x/a.html"), "error: data/x/a.html: data/x is no folder"),
    ],
)
def test_a_report_that_cannot_be_made_is_one_sentence(typed, sentence, tmp_path, monkeypatch, capsys, drawn):
    monkeypatch.chdir(tmp_path)
    publish(Store("data"), "laptop-1", scale="laptop")
    (tmp_path / "data" / "x").write_text("a file")
    code, out, err = ended(monkeypatch, capsys, "report", *typed, "--root", "data")
    assert code == 1 and not out and sentence.format(root="data") in err and "Traceback" not in err
    assert not list(tmp_path.glob("a.*"))


def test_a_comparison_is_one_file_that_is_written_where_it_was_asked_for(tmp_path, monkeypatch):
    store, asked = Store(str(tmp_path / "data")), []
    publish(store, "laptop-1", scale="laptop")
    publish(store, "smoke-1", scale="smoke")

    def compare(models, crops, truth, settings):
        asked.append((list(models), settings.scenes))
        bundles.commit(layout.comparison(crops.root, "cow"), {"comparison.html": b"<p>a page"}, Record())

    monkeypatch.setattr("tasks.contrast.compare_methods.fn", compare)
    file = tmp_path / "new" / "cow.html"
    code, output = said("compare", "cow", "-o", str(file), "--root", store.root, "--scenes", "7", "--also", "smoke-1")
    assert code == 0 and "cow.html  farm3d, smoke-1; " in output and file.read_bytes() == b"<p>a page"
    assert asked == [(["farm3d", "smoke-1"], 7)]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            ("sheep", "-o", "a.html"),
            "has no release of sheep, so there is nothing to compare; make one with `farm3d run",
        ),
        (("cow", "-o", "a.pdf"), "error: a.pdf: its name ends in '.pdf'; give one that ends in .html"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_one_sentence(typed, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = ended(monkeypatch, capsys, "compare", *typed, "--root", "data")
    assert code == 1 and not out and sentence in err and "Traceback" not in err


def test_the_lineage_of_a_file_that_no_release_holds_is_what_it_says_of_itself(tmp_path, monkeypatch, capsys):
    file, root = tmp_path / "cow.glb", ("--root", str(tmp_path / "data"))
    file.write_bytes(glb(replace(tube(), origin={"licence": "CC0-1.0", "prompt": "a \x1b[31mcow", "model": "x 0123"})))
    code, output = said("lineage", str(file), *root)
    assert code == 0 and "in no release under" in output and "model     x 0123" in output
    assert "\x1b" not in output and "licence   CC0-1.0" in output
    code, output = said("lineage", str(file), "--json", *root)
    assert {"part": "model", "comes_from": "x 0123"} in json.loads(output)
    file.write_bytes(glb(tube()))
    assert "is in no release under" in ended(monkeypatch, capsys, "lineage", str(file), *root)[2]
