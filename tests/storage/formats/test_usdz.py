"""A USDZ package says what the asset says: to Pixar's own reader, skinning and validators."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from storage.formats import usdz as module
from storage.formats.usdz import LAYER, check_usd, usdz
from tests.storage.tube import Tube, skinned, tube

pytest.importorskip("pxr", reason="pip install -e '.[usdz]'")
ORIGIN = {"licence": "CC0-1.0", "prompt": 'a "cow"', "lineage": "cow/run"}


@pytest.fixture(scope="module")
def rigged() -> Tube:
    """Two clips; the one that is shown is the second."""
    known = tube()
    clip = known.clips["walk"]
    idle = replace(clip, seconds=4 * clip.seconds, rotations=clip.rotations[::-1], speed=0.0)
    return replace(known, clips={"idle": idle, "walk": clip}, origin=ORIGIN)


@pytest.fixture(scope="module")
def data(rigged: Tube) -> bytes:
    return usdz(rigged)


@pytest.fixture(scope="module")
def stage(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from pxr import Usd

    file = tmp_path_factory.mktemp("usd") / "tube.usdz"
    file.write_bytes(data)
    return Usd.Stage.Open(str(file))


def test_its_validators_have_no_complaint(stage: Any) -> None:
    from pxr import UsdValidation

    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 20
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert not [error.GetErrorAsString() for error in errors]


def test_it_is_in_metres_y_up_and_lasts_as_long_as_the_walk(stage: Any, rigged: Tube) -> None:
    from pxr import UsdGeom

    assert (UsdGeom.GetStageMetersPerUnit(stage), UsdGeom.GetStageUpAxis(stage)) == (1.0, "Y")
    assert stage.GetDefaultPrim().GetPath() == "/tube"
    seconds = (stage.GetEndTimeCode() - stage.GetStartTimeCode()) / stage.GetTimeCodesPerSecond()
    assert seconds == rigged.clips["walk"].seconds[-1]


def test_the_mesh_is_that_of_the_asset(stage: Any, rigged: Tube) -> None:
    from pxr import UsdGeom

    mesh = UsdGeom.Mesh.Get(stage, "/tube/mesh")
    np.testing.assert_allclose(mesh.GetPointsAttr().Get(), rigged.vertices, atol=1e-6)
    np.testing.assert_array_equal(np.reshape(mesh.GetFaceVertexIndicesAttr().Get(), (-1, 3)), rigged.faces)
    np.testing.assert_allclose(mesh.GetNormalsAttr().Get(), rigged.normals, atol=1e-6)
    corners = np.asarray(UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st").Get())
    np.testing.assert_allclose(corners * (1, -1) + (0, 1), rigged.uv, atol=1e-6)


@pytest.mark.parametrize("name", ["idle", "walk"])
def test_its_own_skinning_poses_the_animal_as_we_do(stage: Any, rigged: Tube, name: str) -> None:
    from pxr import Gf, Usd, UsdGeom, UsdSkel, Vt

    skeleton = UsdSkel.Skeleton.Get(stage, "/tube/armature")
    skeleton.GetPrim().GetRelationship("skel:animationSource").SetTargets([f"/tube/armature/{name}"])
    cache, root = UsdSkel.Cache(), UsdSkel.Root.Get(stage, "/tube")
    cache.Populate(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(skeleton)
    skin = cache.GetSkinningQuery(stage.GetPrimAtPath("/tube/mesh"))
    assert {joint.rpartition("/")[2] for joint in query.GetJointOrder()} == set(rigged.bones)
    clip, points = rigged.clips[name], UsdGeom.Mesh.Get(stage, "/tube/mesh").GetPointsAttr().Get()
    for second, *pose in zip(clip.seconds, clip.rotations, clip.shifts, strict=True):
        transforms = query.ComputeSkinningTransforms(60 * second)
        moved = Vt.Vec3fArray(points)
        assert skin.ComputeSkinnedPoints(Vt.Matrix4dArray([Gf.Matrix4d(each) for each in transforms]), moved, 0)
        np.testing.assert_allclose(moved, skinned(rigged, *pose), atol=1e-4)


def test_the_package_holds_the_texture_and_its_origin(stage: Any, data: bytes, rigged: Tube) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        assert package.namelist() == [LAYER, "coat.png"]
        picture = np.asarray(Image.open(package.open("coat.png")))
    np.testing.assert_array_equal(picture, rigged.texture)
    assert stage.GetRootLayer().customLayerData == {"creator": "farm3d", **ORIGIN}


def test_the_coat_is_the_texture_on_a_dull_surface_and_a_clip_has_its_speed(stage: Any) -> None:
    from pxr import UsdShade

    material, _ = UsdShade.MaterialBindingAPI(stage.GetPrimAtPath("/tube/mesh")).ComputeBoundMaterial()
    surface, *_ = material.ComputeSurfaceSource()
    assert surface.GetInput("metallic").Get() == 0 and surface.GetInput("roughness").Get() > 0.5
    picture = UsdShade.Shader(surface.GetInput("diffuseColor").GetConnectedSources()[0][0].source)
    assert picture.GetInput("file").Get().path == "./coat.png" and picture.GetInput("sourceColorSpace").Get() == "sRGB"
    clips = [stage.GetPrimAtPath(f"/tube/armature/{name}") for name in ("idle", "walk")]
    assert [clip.GetCustomDataByKey("metres_per_second") for clip in clips] == [0.0, 0.5]


def test_an_animal_without_clips_stands(rigged: Tube, tmp_path: Path) -> None:
    from pxr import Usd

    (tmp_path / "still.usdz").write_bytes(usdz(replace(rigged, clips={}, name="2 cows")))
    stage = Usd.Stage.Open(str(tmp_path / "still.usdz"))
    assert stage.GetDefaultPrim().GetName() == "__cows" and not stage.HasAuthoredTimeCodeRange()


def test_without_usd_core_one_sentence_says_what_to_install(rigged: Tube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    for ask in (check_usd, lambda: usdz(rigged)):
        with pytest.raises(ValueError, match=r"USDZ needs usd-core.*: pip install -e '\.\[usdz\]', or take \.glb"):
            ask()
