"""What can be done with an answer is asked, never assumed; here stand the poorest answers there are."""

from dataclasses import dataclass

import pytest
import torch

from models.data.batch import Batch
from models.export.asset import is_exportable
from models.export.film import films, is_drawable, is_walker
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.methods.magicpony.reconstruction import AnimalReconstruction, AnimalReconstructor
from models.methods.magicpony.refine import RefinableReconstructor
from models.metrics.baselines import Constant, ConstantReconstruction
from models.rendering.reconstruction import (
    Reconstruction,
    Reconstructor,
    Refinable,
    Relightable,
    Renderable,
    Rigged,
    Textured,
)
from models.rendering.reference import Reference
from models.rendering.types import Light, Rendering

ABILITIES = (Renderable, Relightable, Textured, Rigged)
TRIANGLE = Mesh(torch.eye(3)[None], torch.tensor([[0, 1, 2]]))


@dataclass(frozen=True)
class Meshes:
    """A plain mesh for each crop, and no camera."""

    meshes: tuple[Mesh, ...]
    camera: Camera | None = None

    def __len__(self) -> int:
        return len(self.meshes)

    def mesh(self, row: int) -> Mesh:
        return self.meshes[row]

    def pick(self, row: int, count: int = 1) -> "Meshes":
        camera = None if self.camera is None else self.camera[torch.full((count,), row)]
        return Meshes((self.meshes[row],) * count, camera)


@dataclass(frozen=True)
class Pictures:
    """Grey squares instead of animals: pictures alone, without a surface and without a camera."""

    count: int
    camera: None = None

    def __len__(self) -> int:
        return self.count

    def mesh(self, row: int) -> None:
        return None

    def pick(self, row: int, count: int = 1) -> "Pictures":
        return Pictures(count)

    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        mask = torch.zeros(self.count, size, size)
        mask[:, size // 4 : -size // 4, size // 4 : -size // 4] = 1
        grey = mask[..., None].expand(-1, -1, -1, 3) / 2
        none = torch.zeros(self.count, 0, dtype=torch.bool)
        return Rendering(
            rgb=grey, mask=mask, albedo=grey, shading=mask, features=None, normal=grey, depth=mask, visible=none
        )


@pytest.fixture(scope="module")
def animals(reconstructor: AnimalReconstructor, crops: Batch) -> AnimalReconstruction:
    return reconstructor.predict(crops)


def constant(crops: Batch) -> ConstantReconstruction:
    return Constant(TRIANGLE, Reference()).predict(crops)


def abilities(reconstruction: object) -> set[type]:
    return {protocol for protocol in ABILITIES if isinstance(reconstruction, protocol)}


def test_an_animal_can_do_everything(animals: AnimalReconstruction) -> None:
    assert isinstance(animals, Reconstruction)
    assert abilities(animals) == set(ABILITIES)
    assert is_drawable(animals) and is_walker(animals) and is_exportable(animals)


def test_a_plain_mesh_is_an_answer_and_can_do_nothing_else() -> None:
    answer = Meshes((TRIANGLE,))
    assert isinstance(answer, Reconstruction)
    assert abilities(answer) == set()
    assert not (is_drawable(answer) or is_walker(answer) or is_exportable(answer))
    assert films(answer) == {}


def test_pictures_alone_can_be_drawn_but_not_lit_or_moved() -> None:
    answer = Pictures(2)
    assert isinstance(answer, Reconstruction)
    assert abilities(answer) == {Renderable}
    assert set(films(answer)) == {"turntable"}


def test_a_baseline_is_drawn_and_lit_but_has_no_bones_and_no_colour_field(crops: Batch) -> None:
    answer = constant(crops)
    assert isinstance(answer, Reconstruction)
    assert abilities(answer) == {Renderable, Relightable}


def test_asking_what_an_answer_can_do_computes_nothing(animals: AnimalReconstruction, monkeypatch) -> None:
    def expensive(*_: object, **__: object) -> None:
        raise AssertionError("isinstance evaluates properties; what costs time has to be a method")

    monkeypatch.setattr(torch.nn.Module, "__call__", expensive)
    monkeypatch.setattr(type(animals.animal), "rig", expensive)
    monkeypatch.setattr(type(animals.animal), "render", expensive)
    assert abilities(animals) == set(ABILITIES)


def test_only_the_method_that_can_be_refined_says_so(reconstructor: AnimalReconstructor) -> None:
    refinable = RefinableReconstructor(reconstructor.animal, reconstructor.renderer, None)
    assert isinstance(refinable, Refinable)
    for method in (reconstructor, refinable, refinable.refined(), Constant(TRIANGLE, Reference())):
        assert isinstance(method, Reconstructor)
    assert not any(isinstance(method, Refinable) for method in (reconstructor, refinable.refined()))


@pytest.mark.parametrize("row", range(3))
def test_every_answer_of_a_batch_can_be_had_alone_and_several_times(
    animals: AnimalReconstruction, crops: Batch, row: int
) -> None:
    for answer in (animals, constant(crops), Meshes((TRIANGLE,) * 3)):
        several = answer.pick(row, 2)
        assert len(answer) == 3 and len(several) == 2 and type(several) is type(answer)
        for copy in range(2):
            assert torch.equal(several.mesh(copy).vertices, answer.mesh(row).vertices)
        if answer.camera is not None:
            assert torch.equal(several.camera.T_camera_world, answer.camera.T_camera_world[[row, row]])


@pytest.mark.parametrize("row", range(3))
def test_picking_commutes_with_rendering(animals: AnimalReconstruction, crops: Batch, row: int) -> None:
    for answer in (animals, constant(crops)):
        together, alone = answer.render(32), answer.pick(row, 2).render(32)
        for name in ("rgb", "mask", "albedo", "normal", "depth"):
            torch.testing.assert_close(getattr(alone, name)[1], getattr(together, name)[row], msg=name)
        assert torch.equal(alone.visible[0], together.visible[row])
