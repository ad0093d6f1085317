"""Fitting moves an answer onto its mask, and nothing else."""

from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass, replace

import pytest
import torch

from models.data.batch import Batch
from models.features.keypoint_reading import KeypointReading
from models.geometry.cameras import PerspectiveCamera
from models.methods.magicpony.losses.found_keypoints import FoundKeypoints, KeypointFinder
from models.methods.magicpony.losses.keypoint_distance import carried
from models.methods.magicpony.reconstruction import AnimalReconstructor, pick
from models.methods.magicpony.refine import RefinableReconstructor, Refined, Refinement
from models.methods.magicpony.state import Prediction
from models.metrics.silhouette import iou
from models.rendering.reconstruction import Reconstructor

SIZE = 48


@pytest.fixture(scope="module")
def bent(reconstructor: AnimalReconstructor, crops: Batch) -> Batch:
    """The crops with masks of the same animals in another pose, before another camera."""
    found = reconstructor.predict(crops)
    moved = found.posed(found.angles() + 0.15)
    T = moved.camera.T_camera_world.clone()
    T[:, 0, 3] += 0.2
    mask = moved.render(SIZE, moved.camera.with_extrinsics(T)).mask
    return replace(crops, mask=(mask > 0.5).float(), valid=torch.ones_like(mask))


@pytest.fixture(scope="module")
def refined(reconstructor: AnimalReconstructor) -> Refined:
    return Refined(reconstructor.animal, reconstructor.renderer, None, Refinement(rate=0.03))


def overlap(method: AnimalReconstructor, batch: Batch) -> float:
    drawn = method.predict(batch).render(SIZE).mask > 0.5
    both = zip(drawn.numpy(), batch.mask.numpy() > 0.5, strict=True)
    return sum(iou(ours, theirs) for ours, theirs in both) / len(batch)


def test_it_is_what_the_metrics_ask_for(refined: Refined) -> None:
    assert isinstance(refined, Reconstructor)


def in_double(part):
    """The same numbers with more digits."""
    if isinstance(part, torch.Tensor):
        return part.detach().double() if part.is_floating_point() else part
    if not is_dataclass(part):
        return part
    return replace(part, **{field.name: in_double(getattr(part, field.name)) for field in fields(part)})


def test_a_model_whose_bones_never_move_keeps_what_it_predicts(refined: Refined, bent: Batch) -> None:
    stiff = deepcopy(refined.animal)
    stiff.config = stiff.config.model_copy(update={"articulated_from": 2.0})
    predicted, fitted = replace(refined, animal=stiff).fit_geometry(bent)
    assert predicted.angles is None and fitted is predicted


def test_refining_is_the_same_model_with_the_default_fit(reconstructor: AnimalReconstructor, bent: Batch) -> None:
    plain = RefinableReconstructor(reconstructor.animal, reconstructor.renderer, None)
    assert torch.equal(plain.predict(bent).mesh(0).vertices, reconstructor.predict(bent).mesh(0).vertices)
    assert overlap(plain.refined(), bent) > overlap(plain, bent)
    assert plain.refined() == Refined(reconstructor.animal, reconstructor.renderer, None, Refinement())


def test_silhouettes_come_nearer_to_their_masks(
    reconstructor: AnimalReconstructor, refined: Refined, bent: Batch
) -> None:
    before, after = overlap(reconstructor, bent), overlap(refined, bent)
    assert 1 - after < 0.6 * (1 - before)


@dataclass(frozen=True)
class Knowing(KeypointFinder):
    """Finds in each photo what was put there."""

    found: FoundKeypoints

    def find(self, batch: Batch) -> FoundKeypoints:
        return self.found


@pytest.fixture(scope="module")
def knowing(reconstructor: AnimalReconstructor, crops: Batch) -> Knowing:
    """The keypoints of the crops' animals in another pose."""
    animals = reconstructor.predict(crops)
    moved, prior = animals.posed(animals.angles() + 0.15).prediction, animals.prediction.prior
    markers = prior[:: len(prior) // 8]
    opposite, trust = torch.arange(len(markers)), torch.ones(len(crops), len(markers))
    found = FoundKeypoints(markers, opposite, moved.camera.project(carried(markers, prior, moved.mesh)), trust)
    vit = reconstructor.animal.tokens.vit
    return Knowing(
        markers, opposite, KeypointReading(torch.zeros(1, 3, 3, 3), ("nose",), vit.digest, ""), vit, 64, found
    )


def test_keypoints_have_a_say_in_the_viewpoint(
    reconstructor: AnimalReconstructor, knowing: Knowing, crops: Batch
) -> None:
    cameras: list[PerspectiveCamera] = []
    with torch.no_grad():
        reconstructor.animal(crops, misfit=lambda each: (cameras.append(each), torch.zeros(len(crops), 4))[1])
    other = (reconstructor.predict(crops).prediction.hypothesis + 1) % 4
    seen = cameras[0][4 * torch.arange(len(crops)) + other]
    places = seen.project(knowing.markers.expand(len(crops), -1, -1))
    found = replace(knowing.found, places=places)
    finder = replace(knowing, found=found)
    told = AnimalReconstructor(reconstructor.animal, reconstructor.renderer, finder)
    assert torch.equal(told.predict(crops).prediction.hypothesis, other)
    assert torch.equal(Refined(told.animal, told.renderer, finder).predict(crops).prediction.hypothesis, other)


def test_keypoints_come_nearer_to_where_they_were_found(
    reconstructor: AnimalReconstructor, knowing: Knowing, bent: Batch, crops: Batch
) -> None:
    plain = RefinableReconstructor(reconstructor.animal, reconstructor.renderer, knowing)

    def miss(method: AnimalReconstructor, batch: Batch) -> float:
        animals = method.predict(batch).prediction
        return knowing.found.distance(animals.prior, animals.mesh, animals.camera).mean().item()

    blind = Refined(reconstructor.animal, reconstructor.renderer, knowing, Refinement(keypoints=0.0))
    assert miss(plain.refined(), bent) < 0.6 * miss(plain, bent)
    assert miss(plain.refined(), bent) < 0.8 * miss(blind, bent)
    empty = replace(crops, mask=torch.zeros_like(crops.mask))
    before, after = (method.predict(empty).prediction.mesh.vertices for method in (plain, plain.refined()))
    torch.testing.assert_close(before, after, atol=1e-6, rtol=0)


def test_a_shape_changes_alike_on_both_sides_and_the_viewpoint_choice_stays(
    reconstructor: AnimalReconstructor, refined: Refined, bent: Batch
) -> None:
    before, after = reconstructor.predict(bent).prediction, refined.predict(bent).prediction
    mirror = before.prior.new_tensor([-1.0, 1.0, 1.0])
    twin = torch.cdist(before.prior, before.prior * mirror, compute_mode="donot_use_mm_for_euclid_dist")
    assert twin.amin(1).amax() < 1e-5
    change = after.rest.vertices - before.rest.vertices
    assert change.abs().amax((1, 2)).amin() > 0.003
    torch.testing.assert_close(change[:, twin.argmin(1)], change * mirror, atol=1e-5, rtol=0)
    torch.testing.assert_close(after.prior + after.deformation, after.rest.vertices)
    assert torch.equal(before.hypothesis, after.hypothesis)
    assert not after.mesh.vertices.requires_grad and not after.camera.T_camera_world.requires_grad
    assert (before.mesh.vertices - after.mesh.vertices).abs().max() > 0.01


def test_what_may_not_change_stays(reconstructor: AnimalReconstructor, refined: Refined, bent: Batch) -> None:
    stiff = Refinement(rate=0.03, bones=1e5, camera=1e5, shape=1e5)
    held = Refined(reconstructor.animal, reconstructor.renderer, None, stiff)
    before, free, kept = (method.predict(bent).prediction for method in (reconstructor, refined, held))

    def changes(after: Prediction) -> torch.Tensor:
        turned = (after.angles - before.angles).abs().mean()
        moved = (after.camera.T_camera_world - before.camera.T_camera_world).abs().mean()
        return torch.stack((turned, moved, (after.rest.vertices - before.rest.vertices).abs().mean()))

    assert (changes(kept) < 0.3 * changes(free)).all()


def test_another_coat_is_found_and_the_network_stays(
    reconstructor: AnimalReconstructor, refined: Refined, bent: Batch
) -> None:
    known = refined.predict(bent)
    code = known.prediction.texture_code
    noise = torch.randn(code.shape, generator=torch.Generator().manual_seed(0))
    start = replace(known.prediction, texture_code=code + noise)
    before = {name: value.clone() for name, value in reconstructor.animal.state_dict().items()}
    painted = known.render(SIZE).rgb
    found = refined.fit_colours(start, replace(bent, image=painted, mask=torch.ones_like(bent.mask)))
    drawn = [replace(known, prediction=each).render(SIZE).rgb for each in (start, found)]
    errors = [(each - painted).abs().mean() for each in drawn]
    assert errors[1] < 0.4 * errors[0]
    assert all(torch.equal(before[name], value) for name, value in reconstructor.animal.state_dict().items())
    assert all(part.grad is None for part in reconstructor.animal.parameters())


def test_its_angles_give_its_pose(refined: Refined, bent: Batch) -> None:
    found = refined.predict(bent)
    again = found.posed(found.angles())
    torch.testing.assert_close(again.prediction.mesh.vertices, found.prediction.mesh.vertices, atol=1e-5, rtol=0)


def test_an_animal_is_fitted_alike_in_any_company(refined: Refined, bent: Batch) -> None:
    # In double precision: thirty steps of Adam make much of the rounding of another batch size.
    @dataclass(frozen=True)
    class Exact(Refined):
        def _predict(self, batch: Batch, found: None) -> Prediction:
            animals = in_double(refined.animal(bent))
            return animals if len(batch) == len(bent) else pick(animals, 0)

    exact = Exact(deepcopy(refined.animal).double(), refined.renderer, None, Refinement(rate=0.03))
    batch = in_double(bent)
    together = exact.predict(batch).prediction
    parts = {name: getattr(batch, name)[:1] for name in ("image", "mask", "valid", "view", "index")}
    alone = exact.predict(replace(batch, **parts)).prediction
    torch.testing.assert_close(alone.mesh.vertices, together.mesh.vertices[:1], atol=1e-4, rtol=0)
    torch.testing.assert_close(alone.texture_code, together.texture_code[:1], atol=0.01, rtol=0)


def test_an_empty_mask_changes_nothing(reconstructor: AnimalReconstructor, refined: Refined, crops: Batch) -> None:
    empty = replace(crops, mask=torch.zeros_like(crops.mask))
    before, after = reconstructor.predict(empty).prediction, refined.predict(empty).prediction
    torch.testing.assert_close(before.mesh.vertices, after.mesh.vertices, atol=1e-6, rtol=0)
    torch.testing.assert_close(before.camera.T_camera_world, after.camera.T_camera_world, atol=1e-6, rtol=0)
    assert torch.equal(before.texture_code, after.texture_code)
