import pytest
import torch

from models.rendering.types import Light, front_light


def light() -> Light:
    return Light(torch.eye(3), torch.tensor((0.1, 0.2, 0.3)), torch.tensor((1.0, 2.0, 3.0)))


def test_the_coefficients_shade_a_surface_that_faces_the_light() -> None:
    normals = torch.nn.functional.normalize(torch.tensor(((1.0, 1.0, 0.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0))), dim=-1)
    ones = torch.cat((torch.ones(3, 1), normals), 1)
    lit = light().ambient + light().diffuse * (light().direction * normals).sum(-1)
    torch.testing.assert_close((light().coefficients * ones).sum(-1), lit)


def test_rows_may_be_named_more_than_once() -> None:
    again = light().rows(torch.tensor((2, 2, 0)))
    assert again.ambient.tolist() == pytest.approx([0.3, 0.3, 0.1])


def test_lights_on_a_device_are_the_same_and_the_front_light_comes_from_above_the_camera() -> None:
    moved = light().to(torch.device("cpu"))
    assert (moved.coefficients == light().coefficients).all()
    front = front_light(2, torch.device("cpu"))
    torch.testing.assert_close(front.direction.norm(dim=1), torch.ones(2), atol=1e-3, rtol=0)
    assert (front.direction[:, 1] > 0).all() and (front.direction[:, 2] > 0).all()
    assert (front.ambient == 0.5).all() and (front.diffuse == 0.5).all()


def test_a_light_has_one_direction_per_image() -> None:
    with pytest.raises(TypeError, match="ambient"):
        Light(torch.zeros(2, 3), torch.zeros(3), torch.zeros(2))
