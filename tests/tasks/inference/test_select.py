import numpy as np
import pytest
from PIL import Image

from models.core.errors import MissingModel, MissingWeights, NothingKept
from models.core.weights import REPOSITORY
from models.segmenters import Instance, PointRendConfig, TransformersConfig
from storage.formats.glb import glb
from storage.store import bundles, layout
from tasks.inference import select as module
from tasks.inference.loading import embedded_recipe
from tasks.inference.photo_answer import answer_photo
from tasks.inference.select import CLOSER, TAUGHT, Answer, crop_animals, crop_photo, select_model
from tests.models.cloud import Cloud
from tests.tasks.material import CROPS, Drawn, Red


@pytest.fixture(autouse=True)
def _red(monkeypatch):
    monkeypatch.setattr(module, "cached_model", lambda config, where: Red())


def large(seed):
    """A wide photo of a drawn animal."""
    return np.pad(np.kron(Drawn().draw(seed, blank=False), np.ones((3, 3, 1), np.uint8)), ((0, 0), (30, 30), (0, 0)))


def test_a_photo_of_any_size_becomes_an_animal(release):
    (found,) = answer_photo(large(1), select_model("cow", release.root), "cpu")
    assert glb(found.asset(32))[:4] == b"glTF"
    assert found.film("turntable", 32, 3).shape == (3, 32, 32, 3)


def test_the_animal_fills_its_crop_as_in_training(release):
    crop = crop_photo(large(1), CROPS, "cpu:0")
    assert crop.mask.mean() == pytest.approx(0.25, abs=0.05)


def test_a_photo_is_cut_out_by_what_runs_here_unless_a_segmenter_was_chosen(release, monkeypatch):
    monkeypatch.setattr(module, "usable_crop_recipe", lambda recipe, where: CROPS)
    assert select_model("cow", release.root).crops is CROPS
    monkeypatch.setattr(TransformersConfig, "check_available", lambda self, device: None)
    own = TransformersConfig(model="some/model")
    assert select_model("cow", release.root, own).crops.segmenter == own


def test_a_photo_without_an_animal_is_refused(release):
    with pytest.raises(NothingKept, match="no cow was found in the photo; give one that shows the whole animal"):
        answer_photo(np.full((60, 60, 3), 90, np.uint8), select_model("cow", release.root), "cpu")


def test_a_segmenter_of_ones_own_sees_more_of_the_photo_and_names_any_animal(release, monkeypatch):
    asked = []

    class Looking(Red):
        def segment(self, images, classes):
            asked.append((images.shape, classes))
            return super().segment(images, classes)

    monkeypatch.setattr(module, "cached_model", lambda config, where: Looking())
    monkeypatch.setattr(TransformersConfig, "check_available", lambda self, device: None)
    own = TransformersConfig(model="some/model")
    assert select_model("cow", release.root, own).crops.segmenter == own
    answer_photo(large(1), select_model("cow", release.root, own), "cpu", refine=False)
    (shape, classes) = asked[0]
    assert max(shape[1:3]) == 640 and {"cow", "zebra"} <= set(classes)


def test_a_segmenter_without_weights_is_named(release, tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "model").mkdir()
    own = TransformersConfig(model=str(tmp_path / "model"))
    with pytest.raises(MissingWeights, match=r"model has no config.json; copy the folder again"):
        answer_photo(large(1), select_model("cow", release.root, own), "cpu", refine=False)


def test_without_a_release_the_taught_quadruped_answers_and_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.undo()
    photo = np.asarray(Image.open(REPOSITORY / "samples" / "horse.jpg"))
    (found,) = answer_photo(photo, select_model("horse", str(tmp_path)), "cpu", refine=False)
    side_on = abs(found.reconstruction.camera.azimuth.sin().item())
    assert found.name == "horse" and side_on > 0.9
    assert "taught quadruped answers: no model of 'horse' was published" in caplog.text
    assert "train one with `farm3d run horse`" in caplog.text
    assert len(caplog.records) == 1 and "\n" not in caplog.text.strip()


def test_without_a_release_the_taught_quadruped_is_selected(tmp_path):
    chosen = select_model("horse", str(tmp_path))
    assert (chosen.category, chosen.model, chosen.name) == ("horse", None, TAUGHT)
    assert chosen.recipe == embedded_recipe() and chosen.size == chosen.recipe.method.resolution
    assert chosen.weights_digests["warm_start"] == chosen.recipe.method.warm_start.digest()


def test_a_release_of_another_method_does_not_answer_unless_it_is_named_or_promoted(release, monkeypatch, caplog):
    monkeypatch.setattr("storage.runs.releases.read_promotion", lambda *_: None)
    assert select_model("cow", release.root).name == TAUGHT
    assert "no farm3d model of 'cow' was published" in caplog.text and "choose among tiny" in caplog.text
    assert select_model("cow/tiny", release.root).recipe.method.kind == "magicpony"


def test_a_selected_model_names_its_weights_by_the_stages_that_made_them(release):
    chosen = select_model("cow/tiny", release.root)
    folder = layout.stage(chosen.model, "animal")
    assert chosen.weights_digests == {"animal": bundles.find_committed(folder).files["animal.safetensors"].sha256}


def test_what_a_method_cannot_give_is_one_sentence():
    found = Answer("cow", Cloud(), None)
    with pytest.raises(ValueError) as error:
        found.asset(32)
    remedy = "films of it: none; or ask another method's release with --category cow/RUN"
    assert str(error.value) == f"cow: the answer has no rig or no texture; {remedy}"
    with pytest.raises(ValueError) as error:
        found.film("walk", 32, 3)
    assert str(error.value) == f"cow: film 'walk' cannot be made of the answer; {remedy}"


def test_of_an_answer_that_cannot_walk_the_films_that_can_be_made_are_named():
    class Statue(Cloud):
        def render(self, size, camera=None, light=None):
            return None

    with pytest.raises(ValueError, match="film 'walk' cannot be made of the answer; films of it: turntable"):
        Answer("cow", Statue(), None).film("walk", 32, 3)


def test_a_named_run_is_never_answered_by_another_model(tmp_path):
    assert select_model("horse", str(tmp_path)).name == TAUGHT
    with pytest.raises(MissingModel, match="no model of 'horse/laptop-1' was published; train one with `farm3d run ho"):
        select_model("horse/laptop-1", str(tmp_path))


def test_a_release_is_asked_by_its_name(release):
    assert select_model("cow/tiny", release.root) == select_model("cow", release.root)
    with pytest.raises(MissingModel, match="no model of 'cow/large' was published; choose among tiny"):
        select_model("cow/large", release.root)


class Far(Red):
    """Takes animals that are near each other for one, unless it looks closer."""

    def __init__(self):
        self.looks = []

    def segment(self, images, classes):
        red = super().segment(images, classes)[0][0].mask
        self.looks.append(max(red.shape))
        if len(self.looks) > 1:
            half = red.shape[1] // 2
            left = np.arange(red.shape[1]) < half
            return [[Instance(red & ~left, 0.9, "cow"), Instance(red & left, 0.8, "cow")]]
        joined = red.copy()
        row = len(red) // 2
        joined[row - 1 : row + 1] = True
        return [[Instance(joined, 0.9, "cow")]]


def pair():
    """Two red discs."""
    row, column = np.mgrid[:60, :120]
    photo = np.full((60, 120, 3), 90, np.uint8)
    photo[((row - 30) ** 2 + (column % 60 - 30) ** 2) <= 20**2] = (220, 30, 30)
    return photo


def test_animals_that_seem_one_are_looked_at_closer_and_come_from_left_to_right(monkeypatch):
    far = Far()
    monkeypatch.setattr(module, "cached_model", lambda config, where: far)
    crops = crop_animals(pair(), CROPS.model_copy(update={"segmenter": PointRendConfig()}), "cpu:0")
    assert far.looks == [CROPS.photos.generator.size, CLOSER * CROPS.photos.generator.size]
    left, right = (crop.box for crop in crops)
    assert left.left + left.width / 2 == pytest.approx(30, abs=2)
    assert right.left + right.width / 2 == pytest.approx(90, abs=2)


class Small(Red):
    """Overlooks the left half, unless it looks closer: then it sees each half in `pieces` from top to bottom."""

    def __init__(self, pieces):
        self.pieces = pieces

    def segment(self, images, classes):
        red = super().segment(images, classes)[0][0].mask
        row, column = np.indices(red.shape)
        left = column < red.shape[1] // 2
        if max(red.shape) == CROPS.photos.generator.size:
            return [[Instance(red & ~left, 0.9, "cow")]]
        piece = row * self.pieces // len(red)
        parts = (red & side & (piece == number) for side in (~left, left) for number in range(self.pieces))
        return [[Instance(part, 0.9, "cow") for part in parts if part.any()]]


def scaled(photo, factor):
    """The photo at so many times the size that the segmenter knows."""
    size = factor * CROPS.photos.generator.size
    return np.array(Image.fromarray(photo).resize((size, size * len(photo) // photo.shape[1])))


def test_an_animal_that_is_overlooked_beside_another_is_seen_where_the_photo_shows_more(monkeypatch):
    monkeypatch.setattr(module, "cached_model", lambda config, where: Small(pieces=1))
    photo = scaled(pair(), 2)
    left, right = (crop.box for crop in crop_animals(photo, CROPS, "cpu:0"))
    assert left.left + left.width / 2 == pytest.approx(photo.shape[1] / 4, abs=4)
    assert right.left + right.width / 2 == pytest.approx(3 * photo.shape[1] / 4, abs=4)
    assert len(crop_animals(scaled(pair(), 1), CROPS, "cpu:0")) == 1


class Fragment(Red):
    """Sees of the left half a strip, unless it looks closer."""

    def segment(self, images, classes):
        red = super().segment(images, classes)[0][0].mask
        row, column = np.indices(red.shape)
        left = column < red.shape[1] // 2
        strip = np.abs(row - len(red) / 2) < len(red) / 12
        is_far = max(red.shape) == CROPS.photos.generator.size
        return [[Instance(red & ~left, 0.9, "cow"), Instance(red & left & (strip | (not is_far)), 0.8, "cow")]]


def test_a_fragment_and_its_body_are_one_animal(monkeypatch):
    monkeypatch.setattr(module, "cached_model", lambda config, where: Fragment())
    photo = scaled(pair(), 2)
    left, right = crop_animals(photo, CROPS, "cpu:0")
    assert left.box.left + left.box.width / 2 == pytest.approx(photo.shape[1] / 4, abs=4)
    assert left.box.height == pytest.approx(right.box.height, rel=0.1), "the whole animal, not the strip"


def test_one_animal_that_comes_in_pieces_where_it_is_seen_closer_stays_whole(monkeypatch):
    photo = scaled(pair(), 2)
    photo[:, : photo.shape[1] // 2] = 90
    monkeypatch.setattr(module, "cached_model", lambda config, where: Red())
    (whole,) = crop_animals(photo, CROPS, "cpu:0")
    monkeypatch.setattr(module, "cached_model", lambda config, where: Small(pieces=2))
    (crop,) = crop_animals(photo, CROPS, "cpu:0")
    assert np.array_equal(crop.mask, whole.mask)


def test_what_is_small_beside_the_animal_is_no_other_one(monkeypatch):
    photo = scaled(pair(), 2)
    photo[:, : photo.shape[1] // 2] = 90
    photo[20:40, 20:40] = (220, 30, 30)
    # Small beside the whole animal, and large beside the first of its pieces.
    monkeypatch.setattr(module, "cached_model", lambda config, where: Small(pieces=4))
    assert len(crop_animals(photo, CROPS, "cpu:0")) == 1


def test_one_animal_is_cut_out_as_the_likeliest_one_is(monkeypatch):
    looks = []
    monkeypatch.setattr(module, "cached_model", lambda config, where: looks.append(config) or Red())
    (crop,) = crop_animals(large(1), CROPS, "cpu:0")
    assert np.array_equal(crop.image, crop_photo(large(1), CROPS, "cpu:0").image)
    looks.clear()
    crop_animals(scaled(large(1), 1), CROPS, "cpu:0")
    assert len(looks) == 1, "a photo of the size that it knows shows no more"


def test_the_animal_under_a_mask_is_the_only_one(monkeypatch):
    monkeypatch.setattr(module, "cached_model", lambda config, where: pytest.fail("the mask is known"))
    (crop,) = crop_animals(pair(), CROPS, "cpu:0", np.ones((60, 120), bool))
    assert crop.mask.any()


def test_who_asks_for_one_animal_hears_of_the_others(monkeypatch, caplog):
    far = Far()
    far.looks.append(0)
    monkeypatch.setattr(module, "cached_model", lambda config, where: far)
    crop = crop_photo(pair(), CROPS, "cpu:0")
    assert crop.box.left + crop.box.width / 2 == pytest.approx(90, abs=2), "not the likeliest"
    assert "2 animals are in the photo; this takes the likeliest" in caplog.text
    caplog.clear()
    crop_photo(pair(), CROPS, "cpu:0", np.ones((60, 120), bool))
    assert not caplog.text
