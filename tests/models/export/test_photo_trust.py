"""Only what is surely the animal's own surface is trusted."""

import numpy as np

from models.export.photo_trust import trust_pixels

SIZE = 100
BLACK, GRASS = np.full(3, 0.1), np.array((0.2, 0.6, 0.2))


def photo():
    """A black square animal before grass: depth, picture, mask, and where the photo is."""
    animal = np.zeros((SIZE, SIZE), bool)
    animal[20:80, 20:80] = True
    return np.where(animal, 10.0, 0.0), np.where(animal[..., None], BLACK, GRASS), animal, np.ones_like(animal)


def test_the_inside_is_trusted_and_nothing_at_or_off_an_outline_is():
    depth, image, animal, valid = photo()
    trust = trust_pixels(depth, image, animal, valid, 0.1)
    assert (trust[30:70, 30:70] == 1).all() and not trust[~animal].any()
    assert trust[20, 50] < 1


def test_what_the_mask_lacks_is_trusted_where_it_has_the_colours_of_the_animal():
    depth, image, animal, valid = photo()
    image[30:50, 30:40] = 0.9
    image[50:, :35] = GRASS
    mask = animal & (np.arange(SIZE) >= 35) & ~((image == 0.9).all(-1) & (np.arange(SIZE) >= 39))
    trust = trust_pixels(depth, image, mask, valid, 0.1)
    assert (trust[24:28, 24:76] > 0.9).all(), "black, and off the mask"
    assert not trust[52:, :33].any(), "grass that the surface is drawn over"


def test_a_white_belly_over_grass_is_no_sky():
    depth, image, animal, valid = photo()
    image[:20], image[76:80, 40:60] = 0.85, 0.8
    assert (trust_pixels(depth, image, animal, valid, 0.1)[77, 42:58] > 0.2).all()


def test_no_pixel_beside_a_nearer_part_is_trusted():
    depth, image, animal, valid = photo()
    depth[animal & (np.arange(SIZE) >= 50)] = 9.5
    assert not trust_pixels(depth, image, animal, valid, 0.1)[50, 48:52].any()
    assert trust_pixels(depth, image, animal, valid, 1.0)[50, 48:52].all()


def test_grass_between_the_legs_is_no_coat_and_a_white_sock_is_one():
    depth, image, animal, valid = photo()
    image[75:80, 40:50], image[75:80, 60:70] = GRASS, 0.9
    trust = trust_pixels(depth, image, animal, valid, 0.1)
    assert not trust[76:78, 42:48].any()
    assert (trust[76:78, 62:68] > 0.5).all()


def test_the_black_beside_a_photo_says_nothing_of_black_animals():
    depth, image, animal, valid = photo()
    valid[:, :20] = False
    image[~valid] = BLACK
    assert (trust_pixels(depth, image, animal, valid, 0.1)[30:70, 24:76] == 1).all()


def test_without_surroundings_to_compare_with_the_mask_is_believed():
    depth, image, animal, _ = photo()
    image[70:80, 20:40] = (0.9, 0.1, 0.1)
    trust = trust_pixels(depth, image, animal, animal, 0.1)
    assert (trust[24:76, 24:76] > 0).all() and (trust[30:70, 30:70] == 1).all()


def test_a_photo_without_an_animal_is_not_trusted():
    depth, image, animal, valid = photo()
    assert not trust_pixels(depth, image, np.zeros_like(animal), valid, 0.1).any()
