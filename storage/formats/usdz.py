"""Writes a rigged, animated, textured animal as USDZ, which phones show in the room and studios open.

Needs usd-core. The skeleton is bound as Pixar's UsdSkel schema has it.
"""

# usd-core has no types to check against.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float

from storage.formats.joints import local_frame, rotation_keys, strongest, translation_keys
from storage.formats.meshes import Asset, Clip
from storage.formats.pictures import png

Handle = Any
"""Something on a stage of usd-core: the stage, a path, a prim, an array."""

FRAMES = 60
"""Time codes a second: clips end on whole ones."""
SHOWN = "walk"
"""The clip that plays; the others lie beside it, for a program that lets people choose."""
LAYER = "farm3d.usdc"
"""The first file of every package written here."""


def check_usd() -> None:
    """Raises ValueError without usd-core."""
    if find_spec("pxr") is None:
        raise ValueError("USDZ needs usd-core, which is not installed: pip install -e '.[usdz]', or take .glb or .fbx")


def usdz(asset: Asset) -> bytes:
    """The whole package: mesh, skeleton, every clip and the texture; the layer's custom data have the origin.

    Raises ValueError without usd-core.
    """
    check_usd()
    from pxr import Sdf, UsdUtils

    with TemporaryDirectory() as folder:
        layer, package = Path(folder, LAYER), Path(folder, "package.usdz")
        Path(folder, "coat.png").write_bytes(png(asset.texture))
        _write_layer(asset, layer)
        if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(layer)), str(package)):
            raise RuntimeError(f"usd-core made no package of {asset.name}")
        return package.read_bytes()


def _write_layer(asset: Asset, file: Path) -> None:
    from pxr import Kind, Tf, Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.CreateNew(str(file))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(FRAMES)
    stage.GetRootLayer().customLayerData = {"creator": "farm3d", **asset.origin}
    root = UsdSkel.Root.Define(stage, f"/{Tf.MakeValidIdentifier(asset.name)}")
    stage.SetDefaultPrim(root.GetPrim())
    Usd.ModelAPI(root).SetKind(Kind.Tokens.component)
    order = sorted(range(len(asset.bones)), key=lambda bone: len(_chain(asset, bone)))
    skeleton = _define_skeleton(stage, root.GetPath(), asset, order)
    for name, clip in asset.clips.items():
        _define_clip(stage, skeleton.GetPath(), asset, order, name, clip)
    if shown := next((name for name in (SHOWN, *asset.clips) if name in asset.clips), None):
        binding = UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
        binding.CreateAnimationSourceRel().SetTargets([skeleton.GetPath().AppendChild(shown)])
        stage.SetStartTimeCode(0)
        stage.SetEndTimeCode(float(FRAMES * asset.clips[shown].seconds[-1]))
    mesh = _define_mesh(stage, root.GetPath(), asset, order)
    UsdSkel.BindingAPI(mesh.GetPrim()).CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    root.CreateExtentAttr(UsdGeom.PointBased(mesh).GetExtentAttr().Get())
    stage.GetRootLayer().Save()


def _chain(asset: Asset, bone: int) -> list[str]:
    """Names of the bones from the root down to this one."""
    parent = asset.parents[bone]
    return [*(_chain(asset, parent) if parent >= 0 else ()), asset.bones[bone]]


def _define_skeleton(stage: Handle, root: Handle, asset: Asset, order: Sequence[int]) -> Handle:
    """Bones by their paths, parents first."""
    from pxr import Gf, UsdSkel, Vt

    skeleton = UsdSkel.Skeleton.Define(stage, root.AppendChild("armature"))
    skeleton.CreateJointsAttr(["/".join(_chain(asset, bone)) for bone in order])
    # USD multiplies rows from the left: its matrices are the transposed ones.
    binds = [Gf.Matrix4d(asset.T_world_bone[bone].T.tolist()) for bone in order]
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray(binds))
    skeleton.CreateRestTransformsAttr(
        Vt.Matrix4dArray([Gf.Matrix4d(local_frame(asset, bone).T.tolist()) for bone in order])
    )
    return skeleton


def _define_clip(stage: Handle, skeleton: Handle, asset: Asset, order: Sequence[int], name: str, clip: Clip) -> None:
    """One animation under the skeleton."""
    from pxr import UsdSkel, Vt

    animation = UsdSkel.Animation.Define(stage, skeleton.AppendChild(name))
    animation.CreateJointsAttr(["/".join(_chain(asset, bone)) for bone in order])
    animation.CreateScalesAttr(Vt.Vec3hArray.FromNumpy(np.ones((len(order), 3), np.float16)))
    rotations = np.stack([rotation_keys(asset, clip, bone) for bone in order], 1)
    translations = np.stack([translation_keys(asset, clip, bone) for bone in order], 1)
    for attribute, values in (
        (animation.CreateRotationsAttr(), [_quaternions(frame) for frame in rotations]),
        (animation.CreateTranslationsAttr(), [_vectors(frame) for frame in translations]),
    ):
        for second, value in zip(clip.seconds, values, strict=True):
            attribute.Set(value, float(FRAMES * second))
    animation.GetPrim().SetCustomDataByKey("metres_per_second", clip.speed)


def _define_mesh(stage: Handle, root: Handle, asset: Asset, order: Sequence[int]) -> Handle:
    """The surface in its bind pose with texture coordinates, four bones a vertex, and its coat."""
    from pxr import Gf, Sdf, UsdGeom, UsdShade, UsdSkel, Vt

    mesh = UsdGeom.Mesh.Define(stage, root.AppendChild("mesh"))
    mesh.CreatePointsAttr(_vectors(asset.vertices))
    mesh.CreateExtentAttr(_vectors(np.stack((asset.vertices.min(0), asset.vertices.max(0)))))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(asset.faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(asset.faces.reshape(-1).astype(np.int32)))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateNormalsAttr(_vectors(asset.normals))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    corners = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex)
    corners.Set(Vt.Vec2fArray.FromNumpy(np.c_[asset.uv[:, 0], 1 - asset.uv[:, 1]].astype(np.float32)))
    bones, weights = strongest(asset.weights[:, list(order)])
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateJointIndicesPrimvar(False, bones.shape[1]).Set(Vt.IntArray.FromNumpy(bones.reshape(-1).astype("i4")))
    binding.CreateJointWeightsPrimvar(False, weights.shape[1]).Set(Vt.FloatArray.FromNumpy(weights.reshape(-1)))
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1))
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(_define_coat(stage, root))
    return mesh


def _define_coat(stage: Handle, root: Handle) -> Handle:
    """The material that reads the texture."""
    from pxr import Sdf, UsdShade

    material = UsdShade.Material.Define(stage, root.AppendChild("coat"))
    surface, picture, reader = (
        UsdShade.Shader.Define(stage, material.GetPath().AppendChild(name)) for name in ("surface", "picture", "reader")
    )
    kinds = Sdf.ValueTypeNames
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", kinds.String).Set("st")
    picture.CreateIdAttr("UsdUVTexture")
    picture.CreateInput("file", kinds.Asset).Set("./coat.png")
    picture.CreateInput("sourceColorSpace", kinds.Token).Set("sRGB")
    for axis in ("wrapS", "wrapT"):
        picture.CreateInput(axis, kinds.Token).Set("clamp")
    picture.CreateInput("st", kinds.Float2).ConnectToSource(reader.CreateOutput("result", kinds.Float2))
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("diffuseColor", kinds.Color3f).ConnectToSource(picture.CreateOutput("rgb", kinds.Float3))
    surface.CreateInput("roughness", kinds.Float).Set(0.9)
    surface.CreateInput("metallic", kinds.Float).Set(0.0)
    material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", kinds.Token))
    return material


def _vectors(values: Float[np.ndarray, "count 3"]) -> Handle:
    from pxr import Vt

    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, np.float32))


def _quaternions(values: Float[np.ndarray, "count 4"]) -> Handle:
    """From (x, y, z, w)."""
    from pxr import Gf, Vt

    return Vt.QuatfArray([Gf.Quatf(*np.roll(turn, 1).tolist()) for turn in values])
