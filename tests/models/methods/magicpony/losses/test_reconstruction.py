from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from models.data.batch import Batch
from models.geometry.cameras import look_at
from models.geometry.mesh import Mesh
from models.methods.magicpony.losses.reconstruction import by_probability, features, mask, mask_distance_loss, rgb
from models.methods.magicpony.state import Prediction
from models.rendering.types import Light, Rendering

SIZE = 16


def square(top: int, side: int) -> torch.Tensor:
    shape = torch.zeros(1, SIZE, SIZE)
    shape[:, top : top + side, top : top + side] = 1
    return shape


def photo(shape: torch.Tensor, colour: float = 0.5, channels: int | None = None) -> Batch:
    inside = torch.from_numpy(np.stack([distance_transform_edt(each) for each in shape.numpy()])).float() / SIZE
    return Batch(
        image=torch.full((len(shape), SIZE, SIZE, 3), colour),
        mask=shape,
        valid=torch.ones_like(shape),
        features=None if channels is None else torch.full((len(shape), channels, 4, 4), colour),
        view=torch.full((len(shape),), -1),
        index=torch.arange(len(shape)),
        inside=inside,
    )


def drawing(shape: torch.Tensor, colour: float = 0.5, channels: int | None = None) -> Rendering:
    flat = shape[..., None] * colour
    return Rendering(
        rgb=flat.expand(-1, -1, -1, 3),
        mask=shape,
        albedo=flat.expand(-1, -1, -1, 3),
        shading=shape,
        features=None if channels is None else flat.expand(-1, -1, -1, channels),
        normal=torch.zeros(len(shape), SIZE, SIZE, 3),
        depth=shape,
        visible=torch.ones(len(shape), 1, dtype=torch.bool),
    )


def prediction(score: torch.Tensor, probability: torch.Tensor) -> Prediction:
    count = len(score)
    mesh = Mesh(torch.zeros(count, 3, 3), torch.tensor([[0, 1, 2]]))
    zeros = torch.zeros(count)
    return Prediction(
        mesh=mesh, rest=mesh, prior=mesh.vertices[0], camera=look_at(zeros, zeros),
        light=Light(torch.zeros(count, 3), zeros, zeros), texture_code=torch.zeros(count, 2),
        hypothesis=torch.zeros(count, dtype=torch.long), score=score, probability=probability,
        deformation=None, angles=None,
    )  # fmt: skip


def test_a_perfect_rendering_has_no_error() -> None:
    shape = square(4, 8)
    batch, same = photo(shape, channels=3), drawing(shape, channels=3)
    for error in (mask, mask_distance_loss, rgb, features):
        assert error(same, batch) == 0


def test_mask_is_the_share_of_wrong_pixels() -> None:
    assert mask(drawing(square(4, 4)), photo(square(4, 8))) == pytest.approx((64 - 16) / SIZE**2)


def test_nothing_is_blamed_outside_the_generated_picture() -> None:
    batch = photo(square(4, 4))
    valid = torch.zeros_like(batch.valid)
    valid[:, 4:8, 4:8] = 1
    assert mask(drawing(square(0, SIZE)), replace(batch, valid=valid)) == 0


def test_uncovered_animal_costs_its_depth() -> None:
    shape = square(4, 9)
    batch = photo(shape)
    deep, shallow = torch.zeros_like(shape), torch.zeros_like(shape)
    deep[:, 8, 8], shallow[:, 4, 4] = 1, 1
    everything = mask_distance_loss(drawing(torch.zeros_like(shape)), batch)
    assert everything - mask_distance_loss(drawing(deep), batch) == pytest.approx(5 / SIZE / SIZE**2)
    assert everything - mask_distance_loss(drawing(shallow), batch) == pytest.approx(1 / SIZE / SIZE**2)


def test_uncovered_needs_the_distance() -> None:
    with pytest.raises(ValueError, match="inside is None"):
        mask_distance_loss(drawing(square(4, 4)), replace(photo(square(4, 4)), inside=None))


def test_colour_is_compared_one_pixel_inside_both_silhouettes() -> None:
    batch, bright = photo(square(4, 8), 0.5), drawing(square(4, 8), 0.75)
    assert rgb(bright, batch) == pytest.approx(0.25 * 8 * 8 / SIZE**2, rel=0.02)
    rim = bright.mask - square(5, 6)
    odd = replace(bright, rgb=bright.rgb + rim[..., None])
    assert rgb(odd, batch) == rgb(bright, batch)


def test_a_small_overlap_is_no_smaller_error() -> None:
    batch = photo(square(4, 8), 0.5, channels=2)
    for error in (rgb, features):
        whole, part = (error(drawing(square(4, side), 0.75, channels=2), batch) for side in (8, 5))
        assert part == pytest.approx(whole.item(), rel=0.05)


def test_feature_error_is_a_mean_over_channels() -> None:
    batch, other = photo(square(4, 8), 0.5, channels=5), drawing(square(4, 8), 0.7, channels=5)
    assert features(other, batch) == pytest.approx(0.04 * 64 / SIZE**2, rel=0.02)


def test_features_are_absent_together() -> None:
    assert features(drawing(square(4, 8), channels=3), photo(square(4, 8))) is None


def test_uniform_odds_weigh_one_and_the_odds_get_no_gradient() -> None:
    odds = torch.tensor([0.25, 0.25, 0.5], requires_grad=True)
    error = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    loss = by_probability(error, prediction(torch.zeros(3), odds))
    loss.backward()
    assert loss.item() == pytest.approx((1 + 2 + 2 * 3) / 3)
    assert odds.grad is None
    assert torch.allclose(error.grad, torch.tensor([1.0, 1.0, 2.0]) / 3)
