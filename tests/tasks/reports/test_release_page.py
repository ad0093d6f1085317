"""The page of a release says where it comes from, and can be made again from its files."""

import pytest

from storage.formats.report import comparison_page, page
from storage.runs.releases import select_release
from storage.store import bundles, layout
from storage.store.errors import MissingArtifact
from storage.store.layout import Store
from tasks.reports import release_page
from tasks.reports.release_page import curves_of, report_of, report_of_release
from tests.tasks.material import trained
from tests.tasks.two_stages import FINE, ROUGH, two_stages


@pytest.fixture
def published(release):
    return select_release(Store(release.root), "cow")


def test_the_page_can_be_made_again_from_the_files_of_its_release(published):
    stored = bundles.read(layout.release(published.ref), "report.html").decode()
    assert page(report_of_release(published)) == stored


def test_the_page_has_what_the_release_has(published):
    report = report_of_release(published)
    assert list(report.models) == ["cow-1"] and [film.caption for film in report.films] == list(
        release_page.FILMS.values()
    )
    assert report.strip and [sheet.caption.split(":")[0] for sheet in report.sheets] == ["kept", "dropped"]
    assert (report.kept, report.dropped) == (12, {"blank": 4})
    assert report.table[0].method == published.ref.run and report.measured.startswith("Measured on barnyard animals")


def test_it_says_what_went_into_the_run(published):
    report = report_of_release(published)
    assert report.lineage["code"] == published.about.code and report.lineage["run"] == published.ref.run
    assert "a brown cow, front view" in report.lineage["first prompts"]
    assert "classes cow" in report.lineage["masks"] and report.lineage["training stages"] == "animal, 4 steps"


def test_a_rig_is_promised_where_there_is_one(published, model, crops, measured):
    assert "learned from 12 pictures in 4 steps, started from random weights" in report_of_release(published).summary
    assert "becomes a rigged one in 3D" in report_of_release(published).summary
    assert "becomes one in 3D" in report_of(model, crops, {}).summary


def test_a_release_without_pictures_has_a_page_without_them(model, crops, measured):
    report = report_of(model, crops, {})
    assert not report.films and not report.models and not report.sheets and report.strip is None
    assert report.table and "<canvas" not in page(report)


def test_a_release_beside_itself_differs_in_nothing(published):
    report = report_of_release(published)
    text = comparison_page(report, report)
    assert f"B is better than A in 0 of {len({s.metric for s in report.table})} numbers" in text
    assert text.count("<canvas") == 2


def test_a_release_whose_model_is_gone_says_what_is_missing(release, tmp_path):
    store = Store(str(tmp_path))
    ref = release.model_copy(update={"root": store.root})
    bundles.commit(layout.release(ref), {"cow-1.glb": b"glTF"}, select_release(Store(release.root), "cow").about)
    with pytest.raises(MissingArtifact, match=release.run):
        report_of_release(select_release(store, f"cow/{release.run}"))


def test_the_curves_of_several_stages_have_their_names(crops, vit, monkeypatch):
    recipe = two_stages(vit)
    ref = trained(Store(crops.root).model("cow", "curves"), crops, recipe)
    monkeypatch.setattr(release_page, "recipe_of", lambda _: recipe)
    curves = curves_of(ref)
    assert list(curves) == [f"{ROUGH} loss", f"{FINE} loss"]
    assert all([step for step, _ in curve] == [2, 4] for curve in curves.values())
