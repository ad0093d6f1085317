import pytest

from flows.plan.categories import SHIPPED, categories, load_category, own_folder, read_category, shoulder_height, shown
from flows.plan.plan import load_plan
from models.core.category import FolderTruth


@pytest.mark.parametrize("name", categories())
def test_every_category_loads_and_has_the_name_of_its_file(name):
    assert load_category(name).name == name


def test_a_category_knows_its_size_and_one_without_a_file_is_any_animal():
    assert [shoulder_height(name) for name in ("cow", "horse", "sheep", "dragon")] == pytest.approx(
        [1.4, 1.6, 0.7, 1.0]
    )
    assert shoulder_height("horse", "young") == pytest.approx(1.0)


def test_an_unknown_category_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'dragon' is unknown; choose .*cow, .*sheep.*farm3d category new dragon"):
        load_plan("dragon")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: crab\nsegment_as: [cow]\nskeleton: {legs: 3}", "crab.yaml: skeleton.legs is 3; legs come in mirrored"),
        ("name: crab\nsegment_as: [cow]\ncoast: [red]", "crab.yaml: coast: no such key"),
        ("name: crab\nsegment_as: [cow]\nskeleton: {legz: 4}", "crab.yaml: skeleton.legz: no such key"),
        ("name: crab", "crab.yaml: segment_as is missing; add it"),
        ("name: crab\nsegment_as: []", "crab.yaml: segment_as is "),
        ("name: cow\nsegment_as: [cow]", "crab.yaml: name is missing or not 'crab'"),
        ("name: [crab", "crab.yaml: is not YAML"),
        ("name: crab\nsegment_as: [cow]\nsegment_as: [pig]", "crab.yaml: is not YAML (segment_as stands there twice"),
        ("name: crab\nsegment_as: [cow]\nskeleton: {legs: 4, legs: 2}", "crab.yaml: is not YAML (legs stands there"),
        ("name: crab\nsegment_as: [cow]  # K\xfche", "crab.yaml: is not YAML (unacceptable character #x00fc"),
        ("", "crab.yaml: name is missing"),
    ],
)
def test_a_wrong_file_is_refused_by_file_place_and_remedy(tmp_path, text, said):
    file = tmp_path / "crab.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError) as error:
        read_category(file)
    assert f"{tmp_path}/{said}" in str(error.value)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of categories that are not part of the checkout."""
    monkeypatch.setenv("FARM3D_CATEGORIES", str(tmp_path))
    (tmp_path / "crab.yaml").write_text("name: crab\nsegment_as: [cow]\n")
    return tmp_path


def test_categories_outside_of_the_checkout_stand_beside_its_own(own):
    assert {"cow", "crab", "horse", "sheep"} <= set(categories())
    assert load_category("crab").segment_as == ("cow",) and own_folder() == own


def test_a_file_outside_of_the_checkout_takes_the_place_of_its_namesake(own):
    (own / "cow.yaml").write_text("name: cow\nsegment_as: [sheep]\n")
    assert load_category("cow").segment_as == ("sheep",) and categories().count("cow") == 1


def test_without_a_folder_of_their_own_categories_are_those_of_the_checkout(monkeypatch):
    monkeypatch.delenv("FARM3D_CATEGORIES", raising=False)
    assert own_folder() == SHIPPED and {"cow", "horse", "sheep"} <= set(categories())


def test_the_folder_of_a_truth_lies_beside_the_file_that_names_it(own):
    (own / "crab.yaml").write_text("name: crab\nsegment_as: [cow]\ntruth: {kind: folder, folder: photos}\n")
    assert load_category("crab").truth == FolderTruth(folder=str(own / "photos"))


def test_files_of_the_checkout_are_named_from_there_on(tmp_path):
    assert shown(SHIPPED / "cow.yaml") == "flows/categories/cow.yaml"
    assert shown(tmp_path / "cow.yaml") == f"{tmp_path}/cow.yaml"
