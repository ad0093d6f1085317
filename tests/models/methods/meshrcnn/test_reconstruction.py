import logging

import torch
import trimesh

from models.data.crops import collate
from models.geometry.cameras import look_at
from models.methods.meshrcnn.reconstruction import MeshReconstruction, MeshReconstructor
from models.rendering.reconstruction import Reconstruction, Relightable, Renderable, Rigged, Textured
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.meshrcnn.test_model import SMALL, predictor

BATCH = collate([crop(seed) for seed in range(3)], SMALL.pixels, CPU)


def answerer(bias=0.0, **changes):
    model = predictor()
    model.voxels.layers[-1].bias.data += bias
    return MeshReconstructor(model.eval(), Reference(), **changes)


def is_closed(mesh):
    return trimesh.Trimesh(mesh.vertices[0].numpy(), mesh.faces.numpy(), process=False).is_watertight


def test_an_answer_is_a_surface_with_a_camera_and_no_rig():
    answer = answerer().predict(BATCH)
    assert isinstance(answer, Reconstruction) and isinstance(answer, Renderable) and isinstance(answer, Relightable)
    assert not isinstance(answer, Rigged) and not isinstance(answer, Textured)
    assert len(answer) == 3 and all(is_closed(answer.mesh(row)) for row in range(3))
    picture = answer.render(32)
    assert picture.rgb.shape == (3, 32, 32, 3) and (picture.mask.mean((1, 2)) > 0.05).all()
    assert picture.visible.shape[1] == max(len(answer.mesh(row).faces) for row in range(3))


def test_an_empty_grid_is_skipped_with_a_sentence(caplog):
    with caplog.at_level(logging.WARNING):
        answer = answerer(bias=-50.0).predict(BATCH)
    assert "no voxel is occupied in 3 of 3 crops; these are skipped" in caplog.text
    assert answer.mesh(0) is None and answer.pick(1).mesh(0) is None
    assert answer.render(16).mask.sum() == 0


def test_rows_are_drawn_as_they_would_be_alone_beside_an_empty_one():
    whole = answerer().predict(BATCH)
    some = MeshReconstruction((whole.mesh(0), None, whole.mesh(2)), whole.renderer, whole.camera, whole.colour)
    pictures = some.render(24)
    assert pictures.mask[1].sum() == 0 and not pictures.visible[1].any()
    for row in (0, 2):
        assert torch.allclose(pictures.rgb[row], some.pick(row).render(24).rgb[0], atol=1e-6)
    assert len(some.pick(2, 4)) == 4 and len(some.pick(2, 4).render(8, look_at(*torch.rand(2, 4))).rgb) == 4


def test_the_voxels_alone_can_be_asked_for():
    both = [answerer(refines=refines).predict(BATCH).mesh(0) for refines in (True, False)]
    assert torch.equal(both[0].faces, both[1].faces) and not torch.equal(both[0].vertices, both[1].vertices)


def test_the_surface_is_seen_in_the_crop_where_its_voxels_are():
    answer = answerer(refines=False).predict(BATCH).pick(0)
    ndc = answer.camera.project(answer.mesh(0).vertices)[0]
    assert ndc.abs().max() <= 1 + 1e-4
