import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from models.core.category import Category
from models.core.errors import TrainingDiverged
from models.data.columns import CameraColumn, MeshColumn, PseudoTruth, ViewsColumn
from models.data.crops import collate
from models.geometry.cameras import FOV, look_at
from models.methods.meshinversion import train
from models.methods.meshinversion.config import CAMERA, GAN, MAPS
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.meshinversion.material import SMOKE, context, setting, trained

VIEWS = 4


def columns(name):
    """What a release would answer: a red ball before the camera."""
    mesh = trimesh.creation.icosphere(subdivisions=2)
    vertices, faces = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32)
    pose = look_at(torch.tensor([0.5]), torch.tensor([0.1])).T_camera_world[0].numpy()
    cameras = look_at(torch.arange(VIEWS) * torch.pi / 2, torch.zeros(VIEWS)).T_camera_world.numpy()
    picture = np.zeros((VIEWS, 16, 16), bool)
    picture[:, 4:12, 4:12] = True
    views = ViewsColumn(
        rgb=(picture[..., None] * np.array((0, 90, 0))).astype(np.uint8),
        albedo=(picture[..., None] * np.array((200, 0, 0))).astype(np.uint8),
        mask=picture,
        depth=(9.5 * picture).astype(np.float16),
        normal=np.zeros((VIEWS, 16, 16, 3), np.float16),
        T_camera_world=cameras,
        fov=np.array(FOV, np.float32),
    )
    answers = {
        "cam": CameraColumn(pose, np.array(FOV, np.float32)),
        "mesh": MeshColumn(vertices, vertices, faces),
        "views": views,
    }
    return [PseudoTruth(answers[name], "digest")] * 2


def test_the_three_stages_follow_from_each_other_and_what_they_learnt_answers():
    artifacts = trained()
    assert list(artifacts) == [MAPS, GAN, CAMERA]
    assert {name: part.summary.steps for name, part in artifacts.items()} == {
        stage.name: stage.steps for stage in SMOKE.stages()
    }
    assert artifacts[MAPS].tensors["colour"].dtype == torch.uint8
    assert torch.allclose(
        artifacts[GAN].tensors["mean"], artifacts[MAPS].tensors["displacement"].float().mean(0), atol=1e-3
    )
    batch = collate([crop(5)], SMOKE.resolution, CPU)
    ours, start = (SMOKE.load(learnt, setting()).predict(batch) for learnt in (artifacts, {}))
    assert not torch.equal(ours.surface, start.surface) and not torch.equal(
        ours.camera.T_camera_world, start.camera.T_camera_world
    )


def test_every_stage_says_its_own_losses_while_it_learns(caplog):
    for stage in SMOKE.stages()[1:]:
        with caplog.at_level(logging.INFO, "models.engine.loop"):
            caplog.clear()
            stage.run(context(trained()))
        assert all(f"{name} " in caplog.messages[-1] for name in stage.shown)


def test_it_learns_from_what_a_release_answered():
    method = SMOKE.model_copy(update={"animals": "distilled"})
    assert method.needs.columns == ("cam", "mesh", "views") and SMOKE.needs.columns == ()
    stage = next(stage for stage in method.stages() if stage.name == MAPS)
    artifact = stage.run(context(samples=[crop(0), crop(1)], columns=columns))
    assert (stage.steps, artifact.summary.steps) == (0, 2), "one for each crop, however many animals were true"
    colour = artifact.tensors["colour"]
    red, green, blue = colour.float().mean((0, 2, 3))
    assert red > 150 and green < 5 and blue < 5


def test_a_category_without_true_animals_is_told_what_to_type_before_any_step():
    unicorn = replace(context(), category=Category(name="unicorn", segment_as=("cow",)))
    with pytest.raises(ValueError, match='the barnyard keeps no unicorn; take .*"animals": "distilled".* cow, horse'):
        SMOKE.stages()[0].run(unicorn)


class Kept:
    """Checkpoints in memory."""

    def __init__(self):
        self.states = {}

    def save(self, step, state):
        self.states[step] = state

    def newest(self):
        return max(self.states.items()) if self.states else None


def test_a_gan_whose_losses_are_not_finite_stops_with_its_last_good_checkpoint(monkeypatch):
    method = SMOKE.model_copy(update={"training": SMOKE.training.model_copy(update={"save_every": 1})})
    generate, calls = train.GanLearner._generate, []

    def breaks(learner, latent, placement, progress):
        calls.append(1)
        values = generate(learner, latent, placement, progress)
        return values | ({"colour": torch.tensor(torch.nan)} if len(calls) == 3 else {})

    monkeypatch.setattr(train.GanLearner, "_generate", breaks)
    kept, stage = Kept(), method.stages()[1]
    with pytest.raises(
        TrainingDiverged, match="loss term colour is nan at step 2; the last whole checkpoint is of step 2"
    ):
        stage.run(context({MAPS: trained()[MAPS]}, checkpoints=kept))
    monkeypatch.undo()
    assert max(kept.states) == 2
    assert stage.run(context({MAPS: trained()[MAPS]}, checkpoints=kept)).summary.steps == SMOKE.training.steps


def test_colours_are_learnt_on_the_scale_of_the_generator(monkeypatch):
    kept, seen = trained()[MAPS], []

    def stop(generator, maps, *_):
        seen.append(maps)
        raise InterruptedError

    monkeypatch.setattr("models.methods.meshinversion.config.GanLearner", stop)
    with pytest.raises(InterruptedError):
        SMOKE.stages()[1].run(context({MAPS: kept}))
    torch.testing.assert_close((seen[0].colour + 1) * 127.5, kept.tensors["colour"].float(), atol=1e-3, rtol=0)


def test_the_start_is_the_same_every_time_and_draws_nothing_from_others():
    torch.manual_seed(5)
    one = SMOKE.load({}, setting()).generator.state_dict()
    drawn = torch.rand(1)
    assert all(torch.equal(one[name], part) for name, part in SMOKE.load({}, setting()).generator.state_dict().items())
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)
    assert json.loads(SMOKE.model_dump_json())["kind"] == "meshinversion"
