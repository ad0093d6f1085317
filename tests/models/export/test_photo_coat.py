"""A coat is the photo where the photo sees the animal, mirrored where it sees the other side, and has no seam."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.data.batch import Batch
from models.export.photo_coat import PhotoCoated, _laplacian, _membrane, _twins, is_wearer, wear_photo
from models.geometry.cameras import look_at
from models.methods.magicpony.reconstruction import AnimalReconstruction, AnimalReconstructor
from models.rendering.types import Light
from tests.models.cloud import Cloud

SIZE = 96


@pytest.fixture(scope="module")
def animals(reconstructor: AnimalReconstructor, crops: Batch) -> AnimalReconstruction:
    """Two of them, seen from their left sides."""
    answers = reconstructor.predict(crops).pick(1, 2)
    camera = look_at(torch.full((2,), 1.4), torch.zeros(2), 8.0)
    unbent = answers.posed(torch.zeros(2, 20, 3)).prediction
    return replace(answers, prediction=replace(unbent, camera=camera))


@pytest.fixture(scope="module")
def photos(animals: AnimalReconstruction) -> Batch:
    """Photos of the same animals, the first with a black and white coat and the second a green one."""
    drawn = animals.render(SIZE)
    column = torch.arange(SIZE)[None, :, None]
    spots = torch.where(column // 12 % 2 == 0, 0.1, 0.9).expand(SIZE, SIZE, 3)
    green = torch.tensor((0.2, 0.7, 0.2)).expand(SIZE, SIZE, 3)
    image = torch.stack((spots, green)) * drawn.shading[..., None]
    image = image + (1 - drawn.mask[..., None]) * torch.tensor((0.9, 0.1, 0.9))
    mask = (drawn.mask > 0.5).float()
    return Batch(image, mask, torch.ones_like(mask), None, torch.tensor([-1, -1]), torch.arange(2))


@pytest.fixture(scope="module")
def coated(animals: AnimalReconstruction, photos: Batch) -> PhotoCoated:
    return wear_photo(animals, animals.renderer, photos)


def test_the_photo_is_seen_again_from_where_it_was_taken(coated, animals, photos):
    trusted = coated.photo.trust > 0.99
    assert trusted.float().mean() > 0.05
    error = (coated.render(SIZE).rgb - photos.image).abs()[trusted]
    assert error.mean() < 0.02 < 0.1 < (animals.render(SIZE).rgb - photos.image).abs()[trusted].mean()


def test_the_other_side_wears_the_mirror_image(coated, animals):
    other = look_at(torch.full((2,), -1.4), torch.zeros(2), 8.0)
    lamp = Light(torch.tensor([[0.0, 0.0, 1.0]]).repeat(2, 1), torch.ones(2), torch.zeros(2))
    this, that = (coated.render(SIZE, camera, lamp).albedo for camera in (animals.camera, other))
    trusted = (coated.photo.trust > 0.99) & (coated.photo.trust.flip(2) > 0.99)
    assert (this - that.flip(2)).abs()[trusted].mean() < 0.05
    assert this[trusted].std() > 0.2


def test_coverage_tells_the_photo_from_its_mirror_image(coated, animals):
    rest = animals.canonical()
    covered = coated.coverage(coated.canonical(), torch.zeros(len(rest), dtype=torch.long))
    near, far = rest[:, 0] > 0.1, rest[:, 0] < -0.1
    assert covered[near].max() > 0.95 and covered[far].max() <= 0.5 and covered.min() >= 0
    assert (covered[far] > 0.45).any()


def test_what_nobody_saw_takes_the_tone_of_what_was_seen(coated, animals):
    """The second photo is green; the predicted colours are not."""
    image = torch.ones(len(coated.surface[1]), dtype=torch.long)
    unseen = coated.coverage(coated.surface[1], image) < 0.01
    before, after = animals.albedo(animals.canonical(), image)[unseen], coated.albedo(coated.surface[1], image)[unseen]
    green = torch.tensor((0.2, 0.7, 0.2))
    assert unseen.sum() > 20
    assert (after - green).abs().mean() < 0.5 * (before - green).abs().mean()


def test_a_coat_sticks_to_an_animal_that_moves(coated):
    bent = coated.posed(coated.angles() + 0.3)
    assert torch.equal(bent.canonical(), coated.canonical())
    assert not torch.equal(bent.mesh(0).vertices, coated.mesh(0).vertices)


def test_one_of_a_batch_wears_what_it_wore(coated):
    alone = coated.pick(1, 2)
    torch.testing.assert_close(alone.render(32).rgb, coated.render(32).rgb[[1, 1]])
    assert len(alone) == 2


def test_a_photo_without_an_animal_changes_nothing(animals, photos):
    empty = wear_photo(animals, animals.renderer, replace(photos, mask=torch.zeros_like(photos.mask)))
    torch.testing.assert_close(empty.render(32).rgb, animals.render(32).rgb, atol=1e-5, rtol=0)


def test_who_has_no_surface_wears_nothing(reconstructor, crops):
    predicted = reconstructor.predict(crops)
    assert not is_wearer(Cloud()) and is_wearer(predicted)
    assert isinstance(wear_photo(predicted, reconstructor.renderer, crops), PhotoCoated)


def test_twins_are_mirror_images_or_none():
    vertices = np.array(((1.0, 0, 0), (-1, 0, 0), (0, 2, 0), (0.5, 1, 1)))
    twins, lacking = _twins(vertices)
    assert twins[:3].tolist() == [1, 0, 2] and lacking.tolist() == [False, False, False, True]


def test_a_membrane_is_tied_where_it_is_known_and_smooth_in_between():
    faces = np.array([(i, i + 1, i + 2) for i in range(18)])
    trust, wanted = np.zeros(20), np.zeros((20, 3))
    trust[[0, 19]], wanted[0] = 100, 1
    change = _membrane(_laplacian(faces, 20), wanted, trust)[:, 0]
    assert change[0] > 0.95 and abs(change[19]) < 0.05
    assert (np.diff(change) < 0).all() and np.diff(change).min() > -0.15
