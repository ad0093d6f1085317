import pytest
import torch

from models.core.schedule import Schedule
from models.methods.base import Setting
from models.methods.farm3d.config import Farm3DConfig, detach_prediction
from models.methods.farm3d.distillation import DistillationConfig
from models.methods.magicpony.config import LossWeights, MagicPonyConfig
from models.methods.magicpony.terms import Objective, Step
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU
from tests.models.methods.farm3d.test_distillation import WantsColour
from tests.models.methods.magicpony.test_config import step
from tests.models.methods.magicpony.test_model import CATEGORY

RED = (0.9, 0.1, 0.1)


def config(**knobs: object) -> Farm3DConfig:
    silent = {name: 0.0 for name, knob in LossWeights.model_fields.items() if knob.annotation is Schedule}
    return Farm3DConfig(losses=LossWeights(**silent), distillation=DistillationConfig(size=32, every=1, **knobs))


def objective(method: Farm3DConfig, teacher: object = None) -> Objective:
    return method.objective(Setting(CATEGORY, CPU, Reference(), lambda part: teacher or WantsColour(RED)))


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
    loss, values = objective(config(grad_to=grad_to, mix=(0.0, 0.0, 1.0))).loss(now)
    loss.backward()
    assert values["sds"] > 0
    assert learned(now) - {"deformation", "key_code"} == expected - {"deformation", "key_code"}
    assert "deformation" in learned(now) or "deformation" not in expected


@pytest.mark.parametrize("grad_to", ["texture", "texture+shape", "all"])
def test_stopping_gradients_moves_no_vertex(grad_to: str) -> None:
    now = late()
    assert torch.allclose(detach_prediction(now, grad_to).mesh.vertices, now.prediction.mesh.vertices, atol=1e-5)


def test_an_animal_that_does_not_move_yet_has_no_pose_to_hold() -> None:
    still = step(0.0)
    assert still.prediction.angles is None
    assert detach_prediction(still, "texture+shape") is still.prediction


def test_a_step_leaves_captions_pictures_and_numbers() -> None:
    now = late()
    objective(config()).loss(now)
    assert len(now.pictures) == len(now.batch)
    assert now.pictures[0][0].startswith("a cow, ")
    assert {"sds_t", "sds_w", "sds_gradient", "sds_front", "sds_full"} <= set(now.notes)


def test_distillation_starts_half_way() -> None:
    assert "sds" not in objective(config()).loss(step(0.4))[1]


def test_colour_descends_to_what_the_teacher_wants() -> None:
    now = late()
    reddening = objective(config(grad_to="texture", mix=(1.0, 0.0, 0.0)))
    optimizer = torch.optim.Adam(now.animal.albedo.parameters(), 0.01)

    def reddish() -> float:
        seen = now.render(now.prediction, size=32)
        red, green, blue = (seen.albedo.sum((0, 1, 2)) / seen.mask.sum()).tolist()
        return red - (green + blue) / 2

    before = reddish()
    for _ in range(15):
        optimizer.zero_grad()
        prediction = now.animal(now.batch, 0.9, now.generator)
        reddening.loss(Step(**{**vars(now), "prediction": prediction}))[0].backward()
        optimizer.step()
    assert reddish() > before + 0.2


def test_it_needs_its_diffusion_prior_and_no_other_part() -> None:
    asked: list[object] = []

    def load(part: object) -> WantsColour:
        asked.append(part)
        return WantsColour(RED)

    method = config()
    method.objective(Setting(CATEGORY, CPU, Reference(), load))
    assert asked == [method.diffusion_prior]
    assert method.parts["diffusion_prior"] == method.diffusion_prior


def test_a_model_that_cannot_teach_is_refused_before_the_training() -> None:
    with pytest.raises(Exception, match="alphas_cumprod|diffusion_prior"):
        objective(config(), teacher=object())


def test_the_photos_own_view_is_judged_as_without_distillation() -> None:
    ours, theirs = (
        objective(Farm3DConfig()),
        MagicPonyConfig().objective(Setting(CATEGORY, CPU, Reference(), lambda part: None)),
    )
    rows = [(row.name, row.weight, row.hypothesis_weight, row.every) for row in ours.terms]
    assert rows[:-1] == [(row.name, row.weight, row.hypothesis_weight, row.every) for row in theirs.terms]
    assert rows[-1][0] == "sds" and ours.hypothesis == theirs.hypothesis


def test_its_progress_shows_distillation_too() -> None:
    (ours,), (theirs,) = Farm3DConfig().stages(), MagicPonyConfig().stages()
    assert ours.shown == (*theirs.shown, "sds") and ours.name == theirs.name
