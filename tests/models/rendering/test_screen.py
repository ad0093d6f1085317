import pytest
import torch

from models.rendering.screen import corner_points, double_area, to_screen


def test_the_corners_of_ndc_are_half_a_pixel_outside_the_outermost_centres():
    clip = torch.tensor([[[-1.0, -1, 0, 1], [2, 2, 0, 2], [0, 0, 0, 5]]])
    screen = to_screen(clip, 8)
    assert screen.x.tolist() == [-0.5, 7.5, 3.5]
    assert screen.y.tolist() == [-0.5, 7.5, 3.5]


@pytest.mark.parametrize(
    "point", [(1.0, 1, 0, 0), (1, 1, -2, -1), (1, 1, -1.5, 1), (torch.inf, 0, 0, 1), (torch.nan,) * 4]
)
def test_points_without_a_place_are_nan_with_finite_gradient(point):
    clip = torch.tensor([[point, (0.5, 0.5, 0, 1)]], requires_grad=True)
    screen = to_screen(clip, 8)
    assert screen.x.isnan().tolist() == [True, False]
    (screen.x + screen.y)[1:].sum().backward()
    assert clip.grad.isfinite().all()


def test_points_are_numbered_image_by_image():
    first, second, third = corner_points(torch.tensor([[0, 1, 2], [2, 1, 3]]), 2, 4)
    assert first.tolist() == [0, 2, 4, 6]
    assert second.tolist() == [1, 1, 5, 5]
    assert third.tolist() == [2, 3, 6, 7]


def test_the_sign_of_the_area_is_the_winding():
    x, y = torch.tensor([[0.0], [4], [0]]), torch.tensor([[0.0], [0], [3]])
    assert double_area(x.unbind(), y.unbind()).item() == 12
    assert double_area(x.flip(0).unbind(), y.flip(0).unbind()).item() == -12
