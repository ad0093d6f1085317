import torch
import trimesh

from models.data.crops import collate
from models.export.abilities import list_abilities
from models.geometry.cameras import look_at
from models.methods.meshinversion import reconstruction
from models.methods.meshinversion.reconstruction import FROM_THE_SIDE
from models.rendering.reconstruction import (
    Reconstruction,
    Refinable,
    Relightable,
    Renderable,
    Rigged,
    Sampler,
    Textured,
)
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.meshinversion.material import SMOKE, setting, trained

BATCH = collate([crop(5), crop(6)], SMOKE.resolution, CPU)


def reconstructor():
    return SMOKE.load(trained(), setting())


def test_an_answer_is_a_closed_textured_surface_with_a_camera_a_light_and_no_bones():
    answer = reconstructor().predict(BATCH)
    assert isinstance(answer, Reconstruction) and isinstance(answer, Renderable) and isinstance(answer, Relightable)
    assert isinstance(answer, Textured) and not isinstance(answer, Rigged)
    assert list_abilities(answer)["texture of its own"] and not list_abilities(answer)["rigged GLB"]
    mesh = answer.mesh(1)
    assert trimesh.Trimesh(mesh.vertices[0].numpy(), mesh.faces.numpy(), process=False).is_watertight
    assert answer.render(32).rgb.shape == (2, 32, 32, 3) and len(answer) == 2


def test_an_answer_does_not_depend_on_the_crops_beside_it():
    ours = reconstructor().refined()
    both, alone = ours.predict(BATCH), ours.predict(collate([crop(6)], SMOKE.resolution, CPU))
    assert torch.allclose(both.surface[1], alone.surface[0], atol=1e-4)


def test_a_search_goes_on_from_the_best_of_random_latents():
    ours = reconstructor()
    assert isinstance(ours, Refinable) and not ours.searches and ours.refined().searches
    plain, searched = ours.predict(BATCH), ours.refined().predict(BATCH)
    assert not torch.equal(plain.surface, searched.surface)
    assert (plain.camera.T_camera_world - searched.camera.T_camera_world).abs().max() < 0.2


def test_samples_are_the_same_for_a_seed_and_stand_before_the_camera():
    ours = reconstructor()
    assert isinstance(ours, Sampler)
    one, again, other = (ours.sample(3, seed) for seed in (0, 0, 1))
    assert torch.equal(one.surface, again.surface) and not torch.equal(one.surface, other.surface)
    assert (one.surface.amax(1) + one.surface.amin(1)).abs().max() < 1e-5
    masks = one.render(32).mask
    assert (masks.mean((1, 2)) > 0.1).all() and masks[:, [0, -1]].sum() == 0
    assert (one.camera.azimuth - FROM_THE_SIDE).abs().max() < 1e-4


def test_samples_are_as_alike_as_the_truncation_says(monkeypatch):
    usual = reconstructor().sample(2, 0)
    monkeypatch.setattr(reconstruction, "TRUNCATION", 0.0)
    mean = reconstructor().sample(2, 0)
    assert torch.allclose(mean.surface[0], mean.surface[1], atol=1e-6)
    assert not torch.allclose(usual.surface[0], usual.surface[1], atol=1e-3)


def test_rows_are_drawn_as_they_would_be_alone_and_from_any_camera():
    answer = reconstructor().predict(BATCH)
    assert torch.allclose(answer.render(24).rgb[1], answer.pick(1).render(24).rgb[0], atol=1e-6)
    angles = torch.tensor((0.0, 2.0, 4.0))
    assert len(answer.pick(0, 3).render(16, look_at(angles, 0 * angles)).rgb) == 3
