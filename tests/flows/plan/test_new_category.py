import pytest

from flows.plan.categories import load_category
from flows.plan.new_category import write_category
from flows.plan.plan import load_plan
from models.core.category import BarnyardTruth, FolderTruth


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """New files go to a folder of their own, which is not there yet."""
    monkeypatch.setenv("FARM3D_CATEGORIES", str(tmp_path / "animals"))
    return tmp_path / "animals"


def test_a_new_category_says_no_default_and_makes_a_plan(own):
    file = write_category("Polar  Bear", ["bear", " cow"], "none")
    assert file == own / "polar_bear.yaml" and file.read_text() == "name: polar_bear\nsegment_as: [bear, cow]\n"
    plan = load_plan("polar_bear", "smoke")
    assert plan.category.spoken == "polar bear" and plan.segment_as == ("cow",)


def test_its_truth_is_the_barnyards_or_a_folder(tmp_path):
    write_category("llama", ["cow"], "barnyard")
    write_category("elephant", ["elephant"], str(tmp_path))
    assert load_category("llama").truth == BarnyardTruth()
    assert load_category("elephant").truth == FolderTruth(folder=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "segment_as", "truth", "message"),
    [
        ("cow", ["cow"], "none", "category 'cow' exists: flows/categories/cow.yaml; edit it, or choose another name"),
        ("../yak", ["cow"], "none", "category name is '../yak'; use letters from a to z, digits and spaces"),
        ("p" * 41, ["cow"], "none", "category name is 'p"),
        ("yak", ["sheeep"], "none", "category yak: segment_as is sheeep, which no segmenter knows; name what yak"),
        ("yak", [" "], "none", "category 'yak': segment_as is "),
        ("elephant", ["cow"], "barnyard", "category elephant: truth is barnyard, which keeps no elephant, only cow"),
        ("elephant", ["cow"], "gone", "gone, and there is no such folder; mend the path"),
    ],
)
def test_what_no_plan_could_be_made_of_is_refused_and_not_written(own, name, segment_as, truth, message):
    with pytest.raises(ValueError) as error:
        write_category(name, segment_as, truth)
    assert message in str(error.value) and not own.exists()
