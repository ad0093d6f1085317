from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from models.features import VitConfig
from models.filters.duplicates import HASHED_PX, LOW, DuplicateRules, near_duplicates, phash, token_distance

RULES = DuplicateRules()


def picture(seed, size=96):
    random = np.random.default_rng(seed)
    cloud = gaussian_filter(random.normal(0, 1, (size, size, 3)), (8, 8, 0))
    return ((cloud - cloud.min()) / np.ptp(cloud) * 255).astype(np.uint8)


def apart(one, other):
    return (phash(one) ^ phash(other)).bit_count()


def compressed(image):
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=50)
    return np.array(Image.open(buffer))


def test_the_hash_is_the_signs_of_the_lowest_cosine_frequencies():
    image = picture(0, HASHED_PX)
    grey = np.asarray(Image.fromarray(image).convert("L"), float)
    place, frequency = np.meshgrid(np.arange(HASHED_PX), np.arange(LOW))
    cosines = np.cos(np.pi * frequency * (2 * place + 1) / (2 * HASHED_PX))
    low = cosines @ grey @ cosines.T
    bits = "".join("1" if each else "0" for each in (low > np.median(low)).ravel())
    assert f"{phash(image):064b}" == bits


@pytest.mark.parametrize(
    "change",
    [
        compressed,
        lambda image: (image * 0.9).astype(np.uint8),
        lambda image: np.asarray(Image.fromarray(image).resize((60, 60))),
        lambda image: (image + np.random.default_rng(9).integers(-6, 7, image.shape)).clip(0, 255).astype(np.uint8),
    ],
)
def test_a_changed_copy_is_near_and_another_picture_is_far(change):
    for seed in range(10):
        assert apart(picture(seed), change(picture(seed))) <= RULES.bits < apart(picture(seed), picture(seed + 10))


def hashes(count, copies):
    """Random hashes, some of which are earlier ones with a few bits turned."""
    random = np.random.default_rng(3)
    found = random.integers(0, 2**64, count, dtype=np.uint64)
    for place in random.choice(np.arange(1, count), copies, replace=False):
        turned = random.choice(64, random.integers(0, 7), replace=False)
        found[place] = found[random.integers(place)] ^ np.bitwise_or.reduce(np.uint64(1) << turned.astype(np.uint64))
    return found


def by_hand(values, rules):
    kept, found = [], {}
    for number, value in enumerate(values):
        twin = next((other for other in kept if (int(values[other]) ^ int(value)).bit_count() <= rules.bits), None)
        if twin is None:
            kept.append(number)
        else:
            found[number] = twin
    return found


def test_it_finds_what_a_comparison_of_all_with_all_finds():
    values = hashes(400, 150)
    found = near_duplicates(values, lambda one, other: True, RULES)
    assert found == by_hand(values, RULES) and 50 < len(found) < 150


def test_what_comes_later_changes_no_verdict():
    values = hashes(300, 100)
    whole = near_duplicates(values, lambda one, other: True, RULES)
    for count in (1, 100, 299):
        part = near_duplicates(values[:count], lambda one, other: True, RULES)
        assert part == {number: twin for number, twin in whole.items() if number < count}


def test_only_what_is_confirmed_is_a_duplicate_and_the_next_near_one_is_asked_about():
    values = np.array([7, 7, 7, 7], np.uint64)
    asked = []

    def alike(one, other):
        asked.append((one, other))
        return one == 1

    assert near_duplicates(values, alike, RULES) == {2: 1, 3: 1}
    assert asked == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3)]


def test_the_distance_of_a_picture_to_itself_is_none_and_it_is_the_same_both_ways():
    vit = VitConfig().build(torch.device("cpu"))
    one, other = picture(1, 64), picture(2, 64)
    assert token_distance(vit, one, one) == pytest.approx(0, abs=1e-5)
    assert token_distance(vit, one, other) == pytest.approx(token_distance(vit, other, one), abs=1e-5)
    assert token_distance(vit, one, compressed(one)) < RULES.distance
