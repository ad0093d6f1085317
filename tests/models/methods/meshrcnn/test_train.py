import pytest
import torch
import trimesh

from models.data.crops import batch_rows
from models.engine.loop import NoCheckpoints, fit
from models.methods.meshrcnn.state import Lessons
from models.methods.meshrcnn.train import LossWeights, MeshLearner, TrainingConfig
from tests.models.data.test_crops import CPU
from tests.models.methods.meshrcnn.test_model import SMALL, predictor
from tests.models.methods.meshrcnn.test_state import ball, lesson

MESHES = (ball(0.7), trimesh.creation.box((0.6, 1.2, 0.9)))


def learner(**changes):
    lessons = Lessons([lesson(mesh, seed) for seed, mesh in enumerate(MESHES)], SMALL.pixels, SMALL.grid, 400, CPU)
    small = {"steps": 60, "warm_up": 30, "batch": 2, "refined": 2, "points": 200}
    settings = small | {"rate": 3e-3, "lr_schedule": {0.6: 1, 1: 0.05}, "alone": 0} | changes
    return MeshLearner(predictor(), lessons, LossWeights(), TrainingConfig(**settings))


def test_two_lessons_are_learnt_by_heart():
    taught, values = learner(), []

    def report(step, numbers, panel):
        values.append(numbers)

    fit(taught, taught.config.model_copy(update={"report_every": 10}), NoCheckpoints(), report, None)
    assert values[-1]["voxel"] < 0.3 * values[0]["voxel"]
    chamfers = [numbers["chamfer"] for numbers in values if "chamfer" in numbers]
    assert len(chamfers) == 3 and chamfers[-1] < chamfers[0]
    answers = taught.lessons.batch(torch.arange(2), torch.zeros(2, dtype=torch.bool))
    occupied = taught.predictor.occupied(taught.predictor.look(answers.image, answers.mask))
    assert (occupied & answers.occupied).sum() / (occupied | answers.occupied).sum() > 0.6


def test_a_step_depends_on_its_number_alone():
    one, other = learner(warm_up=0), learner(warm_up=0)
    assert {name: float(value) for name, value in one.step(3, 0.0).items()} == {
        name: float(value) for name, value in other.step(3, 0.0).items()
    }


def test_empty_grids_teach_no_mesh_and_break_nothing():
    taught = learner(warm_up=0)
    taught.predictor.voxels.layers[-1].bias.data.fill_(-50.0)
    values = taught.step(0, 0.0)
    assert values["chamfer"] == 0 and torch.isfinite(values["loss"]) and torch.isfinite(values["norm"])


def test_at_the_end_refinement_alone_learns_half_of_it_from_true_voxels(monkeypatch):
    taught, looks = learner(warm_up=0, alone=0.5), []
    predictor, before = taught.predictor, {name: part.clone() for name, part in taught.predictor.state_dict().items()}
    # What is predicted is empty: only the crop whose voxels are known has a mesh.
    before[f"voxels.layers.{len(predictor.voxels.layers) - 1}.bias"].fill_(-50.0)
    predictor.load_state_dict(before)
    cubes = predictor.cubes
    monkeypatch.setattr(predictor, "cubes", lambda look: looks.append(look) or cubes(look))
    values = taught.step(40, 0.7)
    answers = taught.lessons.batch(*batch_rows(2, 2, 40, taught.config.seed))
    assert torch.equal(predictor.occupied(looks[0]), answers.occupied[:1]) and looks[0].depth == answers.depth[:1]
    assert values["chamfer"] > 0 and {"voxel", "depth", "direction"} <= values.keys()
    changed = {name.partition(".")[0] for name, part in predictor.state_dict().items() if (part != before[name]).any()}
    assert changed == {"stages"}


def test_the_panel_shows_photos_voxels_and_truth():
    panel = learner().panel(0.0)
    assert panel.shape == (2 * SMALL.pixels, 3 * SMALL.pixels, 3)


def test_a_training_without_a_mesh_is_refused():
    with pytest.raises(ValueError, match="warm_up is 60; give less than steps, 60"):
        learner(warm_up=60)
