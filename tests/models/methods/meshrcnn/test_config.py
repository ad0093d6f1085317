from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from models.core.category import Category
from models.data.columns import CameraColumn, MeshColumn, PseudoTruth
from models.data.crops import collate
from models.engine.loop import NoCheckpoints, no_report
from models.geometry.cameras import FOV, look_at
from models.methods.base import Setting, StageContext
from models.methods.meshrcnn.config import STAGE, MeshRcnnConfig
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop

SETTING = Setting(Category(name="cow", segment_as=("cow",)), CPU, Reference(), lambda part: part)
SMOKE = MeshRcnnConfig.preset("smoke")


def columns(name):
    mesh = trimesh.creation.icosphere(subdivisions=2)
    vertices, faces = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32)
    pose = look_at(torch.tensor([0.5]), torch.tensor([0.1])).T_camera_world[0].numpy()
    answers = {"cam": CameraColumn(pose, np.array(FOV, np.float32)), "mesh": MeshColumn(vertices, vertices, faces)}
    return [PseudoTruth(answers[name], "digest")] * 2


CONTEXT = StageContext(
    **vars(SETTING),
    samples=[crop(0), crop(1)],
    checkpoints=NoCheckpoints(),
    report=no_report,
    artifacts={},
    columns=columns,
)


@pytest.mark.parametrize("meshes", ["true", "distilled"])
def test_smoke_learns_from_both_and_what_it_learnt_answers(meshes):
    method = SMOKE.model_copy(update={"meshes": meshes})
    (stage,) = method.stages()
    artifact = stage.run(CONTEXT)
    assert artifact.summary.steps == stage.steps and {"voxel", "chamfer"} <= artifact.summary.values.keys()
    batch = collate([crop(5)], method.resolution, CPU)
    trained, start = (method.load(artifacts, SETTING).predict(batch) for artifacts in ({STAGE: artifact}, {}))
    assert not torch.equal(trained.camera.T_camera_world, start.camera.T_camera_world)
    assert start.mesh(0) is not None


def test_columns_are_needed_where_it_learns_from_distilled_meshes():
    assert SMOKE.needs.columns == ()
    assert SMOKE.model_copy(update={"meshes": "distilled"}).needs.columns == ("cam", "mesh")


def test_the_start_is_the_same_every_time_and_draws_nothing_from_others():
    torch.manual_seed(5)
    one = SMOKE.load({}, SETTING).predictor.state_dict()
    drawn = torch.rand(1)
    other = SMOKE.load({}, SETTING).predictor.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)


def test_a_category_without_true_meshes_is_refused_before_any_step():
    unicorn = replace(CONTEXT, category=Category(name="unicorn", segment_as=("cow",)))
    with pytest.raises(ValueError, match="the barnyard keeps no unicorn"):
        SMOKE.stages()[0].run(unicorn)
