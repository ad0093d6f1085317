import numpy as np
import pytest
import torch

from models.data import staging
from models.data.cutouts import FLAT, Cutouts
from models.data.staging import PHOTO, THING, Photos, Props, Stage

SIZE, WEIGHTS = 64, np.ones(3)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def cutouts(colour, *labels):
    """Discs."""
    axis = np.linspace(-1, 1, SIZE)
    inside = axis[:, None] ** 2 + axis**2 < 0.8
    image = np.zeros((len(labels), SIZE, SIZE, 4), np.uint8)
    image[..., :3], image[..., 3] = colour, 255 * inside
    return Cutouts(image, np.full((len(labels), SIZE, SIZE, 2), FLAT, np.uint8), np.array(labels))


@pytest.fixture
def props():
    """Red animals on green of labels 1 and 2, drawn ones of label 3, blue things, grey backdrops."""
    drawn, things = cutouts((200, 20, 20), 3, 3), cutouts((20, 20, 200), 0, 0)
    mask = drawn.image[..., 3] > 0
    photo = np.where(mask[..., None], (200, 20, 20), (20, 200, 20)).astype(np.uint8)
    photos = Photos(photo, mask, np.array([1, 2]))
    return Props(
        photos, Photos(photo // 2, mask, np.array([1, 2])), drawn, things, np.full((2, 80, 80, 3), 128, np.uint8)
    )


@pytest.mark.parametrize(
    "shares, labels",
    [
        ((1.0, 0.0, 0.0, 0.0, 0.0), {1, 2}),
        ((0.0, 1.0, 0.0, 0.0, 0.0), {1, 2}),
        ((0.0, 0.0, 1.0, 0.0, 0.0), {3}),
        ((0.0, 0.0, 0.0, 1.0, 1.0), set()),
    ],
)
def test_pictures_show_what_their_share_says(props, shares, labels):
    image, label = Stage(props, shares, WEIGHTS).draw(24, SIZE, generator())
    assert image.shape == (24, 3, SIZE, SIZE) and image.min() >= 0 and image.max() <= 1
    assert set(label.unique().tolist()) - {0} == labels
    shown = (label > 0).flatten(1).float().mean(1)
    assert (shown > 0.02).all() if labels else (shown == 0).all()


def test_staged_animals_lose_their_backdrop(props):
    staged, label = Stage(props, (0.0, 1.0, 0.0, 0.0, 0.0), WEIGHTS).draw(48, SIZE, generator())
    photo, outline = Stage(props, (1.0, 0.0, 0.0, 0.0, 0.0), WEIGHTS).draw(48, SIZE, generator())
    greener = [(image[:, 1] - image[:, 0])[mask == 0].mean() for image, mask in ((staged, label), (photo, outline))]
    assert greener[1] > 0.15 and greener[0] < 0.1


def test_without_drawn_animals_their_share_goes_to_the_others(props):
    none = Cutouts(props.animals.image[:0], props.animals.slope[:0], props.animals.label[:0])
    bare = Props(props.photos, None, none, props.things, props.backdrops)
    _, label = Stage(bare, (0.2, 0.2, 0.6, 0.0, 0.0), WEIGHTS).draw(24, SIZE, generator())
    assert set(label.unique().tolist()) == {0, 1, 2}


def test_heavier_labels_are_shown_more_often(props):
    _, label = Stage(props, (0.0, 1.0, 0.0, 0.0, 0.0), np.array([9.0, 1.0, 1.0])).draw(64, SIZE, generator())
    most = label.flatten(1).amax(1)
    assert (most == 1).sum() > 3 * (most == 2).sum()


def test_the_generator_decides_everything(props):
    stage = Stage(props, (1.0, 1.0, 1.0, 1.0, 1.0), WEIGHTS)
    one, other, third = (stage.draw(12, SIZE, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1]) and not torch.equal(one[0], third[0])


def test_a_fifth_of_what_is_pasted_comes_near_to_the_tones_that_it_covers():
    image, backdrop = torch.full((400, 3, 8, 8), 0.7), torch.full((400, 3, 8, 8), 0.3)
    image[:, 0], backdrop[:, :, :, 4:] = 0.5, 0.9
    opacity = torch.zeros(400, 1, 8, 8)
    opacity[:, :, :, :4] = 1.0
    blended = staging.blend_in(image, backdrop, opacity, generator())
    nearness = (image - blended)[:, 1:].mean((1, 2, 3)) / 0.4
    changed = nearness > 0
    assert 0.15 < changed.float().mean() < 0.25 and torch.equal(blended[~changed], image[~changed])
    assert (nearness[changed] > 0.39).all() and (nearness[changed] < 1.01).all()
    kept = blended[changed, 1].mean((1, 2)) - blended[changed, 0].mean((1, 2))
    covered = 0.2 * (1 - nearness[changed])
    torch.testing.assert_close(kept, covered, msg="each channel comes as near as the others")


def test_photos_move_less_than_things():
    turns = []
    for kind in (PHOTO, THING):
        theta = staging.place(torch.full((200,), kind), generator())
        assert theta[:, :, :2].det().abs().min() > 0.2
        turns.append((theta[:, 1, 0] / theta[:, 1, 1]).abs().mean())
    assert turns[1] > 2 * turns[0]


def test_a_slope_towards_the_lamp_is_brighter_than_one_away_from_it():
    slope = torch.zeros(64, 2, 1, 2)
    slope[:, 1, 0, 0], slope[:, 1, 0, 1] = -0.8, 0.8
    factor, gloss = staging.light_solids(slope, generator())
    assert (factor[..., 0] > factor[..., 1]).float().mean() > 0.65 and factor.min() > 0.1 and (gloss >= 0).all()


def test_a_third_of_graded_backdrops_is_plain():
    pictures = staging.grade(200, 16, generator())
    plain = (pictures - pictures[..., :1, :1]).abs().amax((1, 2, 3)) < 1e-6
    assert 0.25 < plain.float().mean() < 0.55
