"""A plan that could not end is refused when it is made, with file, value and what to type."""

import pytest

from flows.plan.checks import check_name, known_classes
from flows.plan.plan import PlanChanges, load_plan
from models.core.category import Category
from models.segmenters import PointRendConfig, TransformersConfig
from storage.runs.releases import ReleaseAbout, announce
from storage.store import bundles, layout
from storage.store.layout import Store
from tests.storage.material import ABOUT


@pytest.fixture
def category(tmp_path, monkeypatch):
    """Writes the file of an elephant; gives its path."""
    monkeypatch.setenv("FARM3D_CATEGORIES", str(tmp_path))

    def write(**fields):
        text = "".join(f"{name}: {value}\n" for name, value in {"name": "elephant", **fields}.items())
        (tmp_path / "elephant.yaml").write_text(text)
        return tmp_path / "elephant.yaml"

    return write


def test_a_truth_that_does_not_know_the_animal_is_refused_when_the_plan_is_made(category):
    file = category(segment_as="[cow]", truth="barnyard")
    with pytest.raises(ValueError) as error:
        load_plan("elephant", "smoke")
    assert str(error.value).startswith(f"{file}: truth is barnyard, which keeps no elephant, only cow, horse, sheep")
    assert "take the line out to measure on photos alone" in str(error.value)


def test_a_truth_folder_that_is_not_there_is_named(category):
    file = category(segment_as="[cow]", truth="{kind: folder, folder: gone}")
    with pytest.raises(ValueError, match=rf"truth.folder is {file.parent}/gone, and there is no such folder; mend"):
        load_plan("elephant", "smoke")
    (file.parent / "gone").mkdir()
    assert load_plan("elephant", "smoke").category.truth.folder == str(file.parent / "gone")


def test_classes_that_the_segmenter_does_not_know_are_refused_with_those_it_knows(category):
    file = category(segment_as="[elephant]")
    with pytest.raises(ValueError) as error:
        load_plan("elephant", "laptop")
    assert str(error.value) == (
        f"{file}: segment_as is elephant; the segmenter `pointrend` of this plan knows "
        "cow, horse, sheep, pig, goat, deer, dog, donkey, llama; "
        "name what elephant pictures look like, as segment_as: [cow, horse, sheep], "
        "or take --scale gpu, whose segmenter knows more"
    )
    assert load_plan("elephant", "gpu").segment_as == ("elephant",)


def test_one_file_serves_a_small_and_a_large_segmenter(category, caplog):
    category(segment_as="[zebra, sheep, cow]")
    assert load_plan("elephant", "smoke").segment_as == ("sheep", "cow")
    assert "elephant: the segmenter does not know zebra; looks for sheep, cow" in caplog.text
    assert load_plan("elephant", "smoke").crop_recipe.segment_as == ("sheep", "cow")
    assert load_plan("elephant", "paper").segment_as == ("zebra", "sheep", "cow")


def test_a_slip_is_no_class_of_any_segmenter(category):
    category(segment_as="[cow, sheeep]")
    for changes in (PlanChanges(), PlanChanges(segmenter={"kind": "detectron2"})):
        with pytest.raises(
            ValueError,
            match="segment_as is sheeep, which no segmenter knows; name what elephant",
        ):
            load_plan("elephant", "smoke", changes=changes)


def test_own_photos_may_bring_their_masks(category, tmp_path):
    category(segment_as="[elephant]")
    changes = PlanChanges(own_photos={"kind": "folder", "folder": str(tmp_path)})
    assert load_plan("elephant", "smoke", changes=changes).segment_as == ("elephant",)


def test_a_model_that_is_not_loaded_yet_is_trusted():
    zebra, ant = (Category(name=name, segment_as=(name,)) for name in ("zebra", "ant"))
    assert known_classes(ant, TransformersConfig()) == ("ant",)
    with pytest.raises(
        ValueError, match="zebra: segment_as is zebra; the segmenter `pointrend` of this plan knows cow"
    ):
        known_classes(zebra, PointRendConfig())
    with pytest.raises(ValueError, match="ant: segment_as is ant, which no segmenter knows"):
        known_classes(ant, PointRendConfig())


def test_a_name_with_neither_a_file_nor_a_release_is_refused(tmp_path):
    check_name("cow/any-run", str(tmp_path))
    with pytest.raises(ValueError, match="category 'dragon' is unknown; choose cow"):
        check_name("dragon", str(tmp_path))
    with pytest.raises(ValueError, match="category 'smplify/cow' begins with a method; type cow/smplify"):
        check_name("smplify/cow", str(tmp_path))
    release = Store(str(tmp_path)).release("dragon", "a-run")
    bundles.commit(layout.release(release), {"dragon-1.glb": b"a dragon"}, ReleaseAbout.model_validate(ABOUT))
    announce(release)
    check_name("dragon", str(tmp_path))
