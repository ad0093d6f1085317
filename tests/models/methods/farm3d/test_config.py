from collections.abc import Callable

import pytest
import torch

from models.core.schedule import Schedule
from models.methods.farm3d.config import Farm3DConfig, stopped
from models.methods.farm3d.distillation import DistillationConfig
from models.methods.magicpony.config import MagicPonyConfig
from models.methods.magicpony.terms import Step
from tests.models.methods.farm3d.test_distillation import WantsColour
from tests.models.methods.magicpony.test_config import step
from tests.models.methods.magicpony.test_model import CATEGORY

RED = (0.9, 0.1, 0.1)


def config(**knobs: object) -> Farm3DConfig:
    silent = {name: 0.0 for name, knob in MagicPonyConfig.model_fields.items() if knob.annotation is Schedule}
    quiet = MagicPonyConfig(**silent)
    return Farm3DConfig(reconstruction=quiet, distillation=DistillationConfig(size=32, every=1, **knobs))


def late() -> Step:
    """A step at which everything moves."""
    found = step(0.9)
    torch.nn.init.normal_(found.animal.articulation.leave.weight, std=3)
    again = found.animal(found.batch, 0.9, found.generator)
    return Step(**{**vars(found), "prediction": again})


def learned(now: Step) -> set[str]:
    return {
        name.split(".")[0]
        for name, each in now.animal.named_parameters()
        if each.grad is not None and each.grad.abs().max() > 0
    }


@pytest.mark.parametrize(
    ("grad_to", "expected"),
    [
        ("texture", {"albedo", "out_code"}),
        ("texture+shape", {"albedo", "out_code", "prior", "deformation", "key_code"}),
        ("all", {"albedo", "out_code", "prior", "deformation", "key_code", "articulation"}),
    ],
)
def test_the_teacher_trains_what_it_is_asked_to_and_never_viewpoint_or_light(grad_to: str, expected: set[str]) -> None:
    now = late()
    method = config(grad_to=grad_to, mix=(0.0, 0.0, 1.0)).build(CATEGORY, WantsColour(RED))
    loss, values = method.loss(now)
    loss.backward()
    assert values["sds"] > 0
    assert learned(now) - {"deformation", "key_code"} == expected - {"deformation", "key_code"}
    assert "deformation" in learned(now) or "deformation" not in expected


@pytest.mark.parametrize("grad_to", ["texture", "texture+shape", "all"])
def test_stopping_gradients_moves_no_vertex(grad_to: str) -> None:
    now = late()
    assert torch.allclose(stopped(now, grad_to).mesh.vertices, now.prediction.mesh.vertices, atol=1e-5)


def test_a_step_leaves_captions_pictures_and_numbers() -> None:
    now = late()
    config().build(CATEGORY, WantsColour(RED)).loss(now)
    assert len(now.pictures) == len(now.batch)
    assert now.pictures[0][0].startswith("a cow, ")
    assert {"sds_t", "sds_w", "sds_gradient", "sds_front", "sds_full"} <= set(now.notes)


def test_distillation_starts_half_way() -> None:
    method = config().build(CATEGORY, WantsColour(RED))
    assert "sds" not in method.loss(step(0.4))[1]


def test_colour_descends_to_what_the_teacher_wants() -> None:
    now = late()
    method = config(grad_to="texture", mix=(1.0, 0.0, 0.0)).build(CATEGORY, WantsColour(RED))
    optimizer = torch.optim.Adam(now.animal.albedo.parameters(), 0.01)

    def reddish() -> float:
        seen = now.render(now.prediction, size=32)
        red, green, blue = (seen.albedo.sum((0, 1, 2)) / seen.mask.sum()).tolist()
        return red - (green + blue) / 2

    before = reddish()
    for _ in range(15):
        optimizer.zero_grad()
        prediction = now.animal(now.batch, 0.9, now.generator)
        method.loss(Step(**{**vars(now), "prediction": prediction}))[0].backward()
        optimizer.step()
    assert reddish() > before + 0.2


def test_it_needs_a_teacher() -> None:
    build: Callable[..., object] = Farm3DConfig().build
    assert Farm3DConfig().needs_teacher
    with pytest.raises(ValueError, match="teacher is None"):
        build(CATEGORY, None)
