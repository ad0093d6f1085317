from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from models.core.category import VIEWS
from models.data.crops import Crops, random
from models.engine.loop import Learner, LoopConfig, fit
from models.geometry.skeleton import attach
from models.methods.magicpony.model import Animal
from models.methods.magicpony.panels import LINE_PX
from models.methods.magicpony.pretraining.appearance_fitting import (
    AppearanceFitting,
    AppearanceLearner,
    see_pixels,
)
from models.rendering.reference import Reference
from models.rendering.shading import shade
from tests.models.data.test_crops import CPU, crop
from tests.models.engine.test_loop import Shelf, straight_and_continued
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG, PatchVit

SIZE, PIXELS = 32, 20
MIDDLE = np.pad(np.ones((12, 12), bool), 10)
"""Where the animals of the photos stand."""
PHOTOS = [replace(crop(seed, size=SIZE, channels=16), mask=MIDDLE, view=VIEWS.index("side")) for seed in range(4)]
CROPS = Crops(PHOTOS, SIZE, CPU)
CONFIGURATION = AppearanceFitting(steps=40, batch=4, pixels=PIXELS, rate=3e-3, ema_decay=0.5)


def started() -> Animal:
    """An ellipsoid whose legs hang where they should."""
    torch.manual_seed(0)
    animal = CONFIG.build(CATEGORY, PatchVit())
    animal.attachment.copy_(attach(animal.prior.mesh(1.0, None).vertices, animal.skeleton))
    return animal


def learner(**changes: Any) -> AppearanceLearner:
    return AppearanceLearner(started(), CROPS, Reference(), CONFIGURATION.model_copy(update=changes), 1)


def train(learning: AppearanceLearner, shelf: Shelf | None = None) -> list[dict[str, float]]:
    loop, told = LoopConfig(steps=learning.config.steps, save_every=3, report_every=5, panel_every=1000), []
    fit(learning, loop, shelf or Shelf(), lambda step, values, panel: told.append(values), None)
    return told


def test_it_is_what_the_loop_trains() -> None:
    assert isinstance(learner(), Learner)
    assert learner().panel(0.5).shape[0] == LINE_PX + 4 * SIZE


def test_a_pixel_is_read_as_a_picture_of_the_animal_draws_it() -> None:
    """The colour that the fields give at a pixel is the one in a rendering, which finds its pixels by itself."""
    animal, batch = started().eval(), CROPS.batch(torch.arange(4))
    seen = see_pixels(animal, batch, Reference(), PIXELS, random("pixels"))
    with torch.no_grad():
        prediction = animal(batch, 1.0)
        drawn = animal.render(prediction, Reference(), SIZE)
        image = torch.arange(4).repeat_interleave(PIXELS)
        albedo = animal.albedo(seen.points.flatten(0, 1), prediction.texture_code, image).view_as(seen.points)
        found = albedo * shade(seen.normal, prediction.light)[..., None]
    assert seen.usable.any()
    for row in seen.usable.nonzero()[:, 0]:
        for color, photo in zip(found[row], seen.color[row], strict=True):
            # Photos are noise, so a pixel is known by its colour.
            (place,) = (batch.image[row].flatten(0, 1) == photo).all(-1).nonzero()[:, 0].tolist()
            assert torch.allclose(drawn.rgb[row].flatten(0, 1)[place], color, atol=1e-5)
            assert batch.mask[row].flatten()[place] == 1


def test_a_crop_without_an_animal_counts_for_nothing() -> None:
    animal, batch = started(), CROPS.batch(torch.arange(4))
    mask = batch.mask.clone()
    mask[2] = 0
    seen = see_pixels(animal, replace(batch, mask=mask), Reference(), PIXELS, random("pixels"))
    assert not seen.usable[2]


def test_a_viewpoint_that_the_word_rules_out_counts_for_nothing() -> None:
    animal, batch = started(), CROPS.batch(torch.arange(4))
    with torch.no_grad():
        from_behind = animal.eval()(batch, 1.0).hypothesis >= 2
    ruled_out = torch.where(from_behind, VIEWS.index("front"), VIEWS.index("back"))
    seen = see_pixels(animal, replace(batch, view=ruled_out), Reference(), PIXELS, random("pixels"))
    assert not seen.usable.any()
    seen = see_pixels(animal, replace(batch, view=2 - ruled_out), Reference(), PIXELS, random("pixels"))
    assert seen.usable.any()


def test_colours_and_features_come_nearer() -> None:
    told = train(learner())
    assert told[-1]["rgb"] < 0.9 * told[0]["rgb"] and told[-1]["features"] < 0.8 * told[0]["features"]


def test_shapes_and_poses_stay_bit_for_bit() -> None:
    learning = learner(steps=3)
    before = deepcopy(learning.animal.state_dict())
    train(learning)
    learning.finish()
    after = learning.animal.state_dict()
    changed = {".".join(name.split(".")[:2]) for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"prior", "out_code", "albedo", "light"}
    assert {name for name in changed if name.startswith("prior.")} == {"prior.feature"}


def test_it_ends_as_the_running_mean() -> None:
    learning = learner(steps=1, ema_decay=0.75)
    before = deepcopy(learning.animal.albedo.mlp.last.weight)
    train(learning)
    newest = deepcopy(learning.animal.albedo.mlp.last.weight)
    learning.finish()
    assert not torch.equal(before, newest)
    assert torch.allclose(learning.animal.albedo.mlp.last.weight, 0.75 * before + 0.25 * newest)


def test_a_stopped_fitting_goes_on_to_the_same_bits() -> None:
    straight, continued = straight_and_continued(lambda: learner(steps=6), train)
    for one, other in ((straight.animal, continued.animal), (straight.mean, continued.mean)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_every_crop_is_looked_at_as_it_is_and_mirrored() -> None:
    learning = learner(steps=1)
    untrained = deepcopy(learning.animal)
    train(learning)
    rows, flipped = torch.arange(4).repeat_interleave(2), torch.arange(8) % 2 == 1
    expected = see_pixels(untrained, CROPS.batch(rows, flipped), Reference(), PIXELS, random(1, "pixels", 0))
    assert learning.pixels is not None
    torch.testing.assert_close(learning.pixels.normal.float(), expected.normal, atol=1e-3, rtol=0)
    assert torch.equal(learning.pixels.usable, expected.usable)


def test_what_an_unusable_crop_shows_changes_nothing() -> None:
    weights: list[torch.Tensor] = []
    for shown in (0, 255):
        nothing = replace(PHOTOS[1], mask=np.zeros_like(MIDDLE), image=np.full_like(PHOTOS[1].image, shown))
        crops = Crops([PHOTOS[0], nothing, *PHOTOS[2:]], SIZE, CPU)
        learning = AppearanceLearner(started(), crops, Reference(), CONFIGURATION.model_copy(update={"steps": 2}), 1)
        train(learning)
        weights.append(learning.animal.albedo.mlp.last.weight.detach())
    assert torch.equal(*weights)
