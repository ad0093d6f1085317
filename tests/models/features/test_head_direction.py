import numpy as np
import pytest
import torch

from models.core.category import VIEWS
from models.data.framing import crop_animal
from models.features.dense import add_feature_maps
from models.features.head_direction import agree_on_directions, head_directions
from models.features.vit import VitConfig
from models.truth.barnyard import HELD_OUT, sample_scene
from models.truth.barnyard.scene import SEEDS_PER_INDIVIDUAL

FRONT, SIDE, BACK = range(len(VIEWS))


def animals(views, heads, size=8):
    """Maps of two channels: heads are +1 in the first, rumps -1, and the second says nothing."""
    generator = torch.Generator().manual_seed(0)
    maps = 0.1 * torch.randn(len(views), 2, size, size, generator=generator)
    for number, (view, head) in enumerate(zip(views, heads, strict=True)):
        ramp = torch.linspace(-1, 1, size) * head if view == SIDE else torch.ones(size) * (1 if view == FRONT else -1)
        maps[number, 0] += ramp
    mask = torch.zeros(len(views), 2 * size, 2 * size, dtype=torch.bool)
    mask[:, size // 2 : -size // 2, 2:-2] = True
    return maps, mask, torch.tensor(views)


def test_fronts_and_backs_tell_the_ends_of_side_views() -> None:
    found = head_directions(*animals((FRONT, BACK, SIDE, SIDE, SIDE), (0, 0, 1, -1, 1)))
    assert found[2:].tolist() == [1, -1, 1]


def test_a_mirrored_photo_heads_the_other_way() -> None:
    maps, mask, view = animals((FRONT, BACK, SIDE, SIDE), (0, 0, 1, -1))
    assert torch.equal(head_directions(maps.flip(-1), mask.flip(-1), view), -head_directions(maps, mask, view))


@pytest.mark.parametrize("views", ((FRONT, SIDE, SIDE), (BACK, SIDE, SIDE), (-1, -1, -1)))
def test_without_both_words_nobody_can_tell(views) -> None:
    assert head_directions(*animals(views, (1, 1, -1))).tolist() == [0, 0, 0]


def test_what_lies_off_the_animal_does_not_count() -> None:
    maps, mask, view = animals((FRONT, BACK, SIDE), (0, 0, 1))
    spoilt = maps.clone()
    spoilt[:, :, 6:] = 100.0
    mask[:, 12:] = False
    assert torch.equal(head_directions(spoilt, mask, view), head_directions(maps, mask, view))


def test_an_empty_mask_and_even_features_tell_nothing() -> None:
    maps, mask, view = animals((FRONT, BACK, SIDE, SIDE), (0, 0, 1, 1))
    mask[2], maps[3] = False, 0.5
    assert head_directions(maps, mask, view)[2:].tolist() == [0, 0]


def test_the_embedded_transformer_knows_a_head_from_a_rump() -> None:
    scenes = [sample_scene("horse", HELD_OUT + number * SEEDS_PER_INDIVIDUAL, 64) for number in range(48)]
    crops = [
        crop_animal((scene.image * 255).round().astype(np.uint8), scene.mask, 64, VIEWS.index(scene.view))
        for scene in scenes
    ]
    known, _ = add_feature_maps(crops, VitConfig().build(torch.device("cpu")), 128, 16)
    found = head_directions(
        torch.from_numpy(np.stack([each.features for each in known])),
        torch.from_numpy(np.stack([each.mask for each in known])),
        torch.tensor([each.view for each in known]),
    )
    # The camera at +x of the animal (azimuth 90 degrees) sees its head on the left.
    truth = -torch.tensor([float(scene.camera.azimuth[0]) for scene in scenes]).sin()
    sideways = (truth.abs() > 0.5) & (found != 0)
    assert sideways.sum() > 16
    assert (found * truth > 0)[sideways].float().mean() > 0.9


def sides(heads, wrong, size=8, channels=6):
    """Photos from the side, and guesses of which some are wrong; light from the left is in all of them."""
    maps, mask, _ = animals((SIDE,) * len(heads), heads, size)
    light = torch.linspace(1, -1, size).expand(len(heads), 1, size, size)
    maps = torch.cat((maps, light, torch.zeros(len(heads), channels - 3, size, size)), 1)
    guesses = torch.tensor(heads, dtype=torch.float)
    guesses[list(wrong)] *= -0.9
    return maps, mask, guesses


def test_photos_correct_the_guesses_of_a_minority() -> None:
    heads = [1, -1, 1, 1, -1, -1, 1, -1, 1]
    maps, mask, guesses = sides(heads, wrong=(0, 4, 6))
    assert agree_on_directions(maps, mask, guesses).tolist() == heads


def test_the_majority_of_the_guesses_says_which_end_is_the_head() -> None:
    maps, mask, guesses = sides([1, -1, 1, 1, -1, -1, 1], wrong=(2,))
    assert torch.equal(agree_on_directions(maps, mask, -guesses), -agree_on_directions(maps, mask, guesses))


def test_mirrored_photos_agree_on_mirrored_directions() -> None:
    maps, mask, guesses = sides([1, -1, 1, 1, -1, -1, 1], wrong=(2,))
    mirrored = agree_on_directions(maps.flip(-1), mask.flip(-1), -guesses)
    assert torch.equal(mirrored, -agree_on_directions(maps, mask, guesses))


def test_a_lamp_from_the_side_is_not_taken_for_a_head() -> None:
    heads = [1, -1] * 4
    maps, mask, guesses = sides(heads, wrong=(0, 1))
    # More often with the guesses than against them, and much brighter than a head.
    lamps = torch.tensor([-1, 1, 1, -1, 1, 1, -1, 1.0])
    maps[:, 2] *= 6 * lamps[:, None, None]
    assert agree_on_directions(maps, mask, guesses).tolist() == heads


def test_corrections_go_on_until_they_agree() -> None:
    generator = torch.Generator().manual_seed(8)
    heads = [1, -1] * 12
    maps, mask, guesses = sides(heads, wrong=range(8))
    # What else differs from photo to photo leads the first correction astray.
    maps[:, 3:] = 1.5 * torch.randn(24, 3, 1, 1, generator=generator) * torch.linspace(-1, 1, 8)
    assert agree_on_directions(maps, mask, guesses).tolist() == heads


def test_narrow_animals_have_a_say_beside_wide_ones() -> None:
    heads = [1, -1, 1, -1, 1, -1, 1, -1, 1, -1]
    maps, mask, guesses = sides(heads, wrong=(0, 1, 2, 3))
    mask[4:, :, :4] = mask[4:, :, -4:] = False
    assert agree_on_directions(maps, mask, guesses).tolist() == heads


def test_a_photo_that_shows_little_of_it_is_not_labelled() -> None:
    maps, mask, guesses = sides([1, -1, 1, 1, -1], wrong=())
    maps[2, 0] = 0.2 * maps[2, 0] + 2 * torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    assert agree_on_directions(maps, mask, guesses).tolist() == [1, -1, 0, 1, -1]


def test_where_the_animal_is_in_its_crop_does_not_matter() -> None:
    heads = [1, -1] * 4
    maps, mask, guesses = sides(heads, wrong=())
    mask[:, :, :8] = False
    assert agree_on_directions(maps, mask, guesses).tolist() == heads


def test_photos_without_an_animal_and_without_any_difference_have_no_direction() -> None:
    maps, mask, guesses = sides([1, -1, 1, 1, -1], wrong=())
    mask[0], maps[1] = False, 0.5
    assert agree_on_directions(maps, mask, guesses).tolist() == [0, 0, 1, 1, -1]
