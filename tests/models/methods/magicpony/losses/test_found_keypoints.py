from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.core.errors import MissingWeights
from models.data.batch import Batch
from models.data.crops import Crops
from models.features.keypoint_reading import KeypointReading
from models.geometry.cameras import Camera, PerspectiveCamera, look_at
from models.geometry.mesh import Mesh
from models.methods.magicpony.losses.found_keypoints import MISFIT, FoundKeypoints, KeypointFinder
from models.methods.magicpony.losses.keypoint_distance import carried
from models.methods.magicpony.model import Animal
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.magicpony.pretraining.test_quadruped import tiny_vit
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG

PLACES = {
    "throat": (0.0, 0.0, 0.0),
    "nose": (0.0, 0.0, 1.0),
    "right_ear": (-0.3, 0.5, 0.8),
    "left_ear": (0.3, 0.5, 0.8),
}
NAMES = ("left_ear", "nose", "right_ear")
"""What the reading finds; the animal knows one more, in another order."""
CROPS = Crops([crop(seed, size=32) for seed in range(4)], 32, CPU)
VIT = tiny_vit()
torch.manual_seed(3)
READING = KeypointReading(2 * torch.randn(3, 32, 3, 3), NAMES, VIT.digest, "")
CLOUD = 2 * torch.rand(300, 3, generator=torch.Generator().manual_seed(0)) - 1
PRIOR = torch.cat((CLOUD, CLOUD * torch.tensor((-1.0, 1.0, 1.0))))
"""A prior shape that is the same after mirroring, as the animals' are."""
FACES = torch.tensor([[0, 1, 2]])


def marked() -> Animal:
    """An animal that knows its keypoints."""
    animal = CONFIG.model_copy(update={"keypoints": tuple(PLACES)}).build(CATEGORY, VIT)
    animal.markers.copy_(torch.tensor(list(PLACES.values())))
    return animal


def finder(reading: KeypointReading = READING) -> KeypointFinder:
    return KeypointFinder.of(marked(), reading, VIT)


def camera(*azimuths: float) -> PerspectiveCamera:
    return look_at(torch.tensor(azimuths), torch.full((len(azimuths),), 0.2))


def met(seen: Camera, count: int) -> FoundKeypoints:
    """As if the keypoints had been found where the unposed animals have them."""
    found = finder().find_all(CROPS)
    places = seen.project(carried(found.markers, PRIOR, Mesh(PRIOR.expand(count, -1, -1), FACES)))
    return replace(found, places=places, trust=torch.ones(count, len(NAMES)))


def batch(rows: list[int], flipped: bool = False) -> Batch:
    return CROPS.batch(torch.tensor(rows), torch.full((len(rows),), flipped))


def distance(found: FoundKeypoints, vertices: Tensor, seen: Camera, of: Batch) -> float:
    posed = Mesh(vertices.expand(len(of), -1, -1), FACES)
    return found.of(of).distance(PRIOR, posed, seen).mean().item()


def test_every_crop_is_read_once_and_uncorrupted() -> None:
    spoilt = [255 - crop(seed, size=32).image for seed in range(4)]
    shown = Crops([crop(seed, size=32) for seed in range(4)], 32, CPU, seen=spoilt)
    found, same = finder().find_all(CROPS), finder().find_all(shown)
    assert torch.equal(found.places, same.places) and found.trust.shape == (4, 3)
    assert len({tuple(each.flatten().tolist()) for each in found.places}) == 4
    expected, _ = READING.read(VIT.tokens(batch([0, 1, 2, 3]).image)[0])
    torch.testing.assert_close(found.places, expected)


def test_places_go_with_the_names_whatever_the_order() -> None:
    assert torch.equal(finder().markers, torch.tensor([PLACES[name] for name in NAMES]))


def test_animals_that_have_their_keypoints_where_they_were_found_are_at_distance_nothing() -> None:
    seen = camera(0.3, 1.2)
    found = met(seen, 2)
    assert distance(found, PRIOR, seen, batch([0, 1])) == pytest.approx(1e-3, rel=1e-2)
    assert distance(found, PRIOR + 0.1, seen, batch([0, 1])) > 0.02
    assert distance(found, PRIOR, seen[:1], batch([1])) > 0.02, "they are another crop's"


def test_a_mirrored_crop_has_mirrored_keypoints_and_left_is_right_there() -> None:
    # The mirror image of a photo shows the animal from the mirrored direction.
    found = met(camera(0.7), 1)
    assert distance(found, PRIOR, camera(-0.7), batch([0], True)) == pytest.approx(1e-3, rel=1e-2)
    assert distance(found, PRIOR, camera(0.7), batch([0], True)) > 0.05


def test_what_the_reading_is_unsure_of_counts_by_its_squared_trust() -> None:
    seen = camera(0.7)
    sure = met(seen, 1)
    half = replace(sure, trust=sure.trust / 2)
    whole, less = (distance(each, PRIOR + 0.1, seen, batch([0])) for each in (sure, half))
    assert less == pytest.approx(whole / 4)
    off = sure.places.clone()
    off[0, 2] += 0.5
    left_alone = replace(sure, places=off, trust=torch.tensor([[1.0, 0.0, 0.0]]))
    nothing = pytest.approx(1e-3 / 3, rel=1e-2)
    assert distance(left_alone, PRIOR, seen, batch([0])) == nothing
    assert distance(left_alone, PRIOR, camera(-0.7), batch([0], True)) == nothing


def test_a_step_downhill_brings_the_animals_nearer() -> None:
    seen = camera(0.3, 1.2)
    found = met(seen, 2)
    shift = torch.tensor([0.2, 0.1, -0.1], requires_grad=True)
    before = found.distance(PRIOR, Mesh((PRIOR + shift).expand(2, -1, -1), FACES), seen).mean()
    before.backward()
    assert shift.grad is not None
    assert distance(found, PRIOR + shift.detach() - 0.05 * shift.grad, seen, batch([0, 1])) < before


def test_least_speaks_against_the_viewpoint_that_shows_the_keypoints_where_they_were_found() -> None:
    markers = torch.tensor([PLACES[name] for name in NAMES])
    tried = camera(0.3, 3.4, -0.3, 2.8, 0.3, 3.4, -0.3, 2.8)
    found = met(camera(0.3, 2.8), 2)
    found = replace(found, places=camera(0.3, 2.8).project(markers.expand(2, -1, -1)))
    against = found.misfit(tried)
    assert against.shape == (2, 4)
    assert against.argmin(1).tolist() == [0, 3]
    torch.testing.assert_close(against.amin(1), torch.full((2,), MISFIT * 1e-3), rtol=0.02, atol=0)


def test_the_viewpoint_is_taken_that_the_scores_and_the_keypoints_agree_on() -> None:
    animal, of = marked().eval(), batch([0, 1, 2, 3])
    with torch.no_grad():
        plain = animal(of)
        other = (plain.hypothesis + 1) % 4
        against = torch.nn.functional.one_hot(other, 4).logical_not().float()
        assert torch.equal(animal(of, misfit=lambda cameras: 0 * against).hypothesis, plain.hypothesis)
        turned = animal(of, misfit=lambda cameras: 1e3 * against)
        shown: list[PerspectiveCamera] = []
        animal(of, misfit=lambda cameras: (shown.append(cameras), against)[1])
    assert torch.equal(turned.hypothesis, other)
    row = torch.arange(4) * 4
    for prediction in (plain, turned):
        taken = shown[0][row + prediction.hypothesis]
        torch.testing.assert_close(taken.T_camera_world, prediction.camera.T_camera_world)


def test_a_keypoint_that_the_animal_does_not_have_is_named() -> None:
    stranger = KeypointReading(READING.weight, ("left_ear", "tongue", "right_ear"), VIT.digest, "")
    with pytest.raises(MissingWeights, match="finds 'tongue', which is none of animal.keypoints; give `reading.model`"):
        finder(stranger)


def test_a_reading_of_another_transformer_is_refused() -> None:
    stranger = KeypointReading(READING.weight, NAMES, "0" * 64, "")
    with pytest.raises(MissingWeights, match="the keypoint reading was taught with"):
        finder(stranger)
