import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from models.core.errors import MissingPackage
from models.geometry.cameras import OrthographicCamera
from models.rendering import Fragments, Nvdiffrast, NvdiffrastConfig, Reference, ReferenceConfig


def operations() -> ModuleType:
    """nvdiffrast.torch as its manual describes it, drawn by our own: int32 faces, pixels of (u, v, z/w, face + 1)."""
    reference = Reference()

    def rasterize(context, pos, tri, resolution, grad_db):
        assert (pos.dtype, tri.dtype) == (torch.float32, torch.int32)
        fragments = reference.rasterize(pos, tri.long(), resolution[0])
        z = reference.interpolate(pos[..., 2:3] / pos[..., 3:], fragments, tri.long())
        number = (fragments.face + 1).float()[..., None]
        return torch.cat((fragments.barycentric[..., :2], z, number), -1), None

    def fragments_of(raster):
        u, v, _, number = raster.unbind(-1)
        weights = torch.stack((u, v, 1 - u - v), -1)
        return number.long() - 1, weights

    def interpolate(attr, rast, tri):
        face, weights = fragments_of(rast)
        return reference.interpolate(attr, Fragments(face, weights, rast[..., 2]), tri.long()), None

    def antialias(color, rast, pos, tri):
        face, weights = fragments_of(rast)
        depth = torch.where(face >= 0, -1 / rast[..., 2], 0)
        return reference.antialias(color, Fragments(face, weights, depth), pos, tri.long())

    module = ModuleType("nvdiffrast.torch")
    vars(module).update(rasterize=rasterize, interpolate=interpolate, antialias=antialias)
    return module


def pictures(renderer, clip, ball, device="cpu"):
    clip, faces = clip.to(device), ball.faces.to(device)
    fragments = renderer.rasterize(clip, faces, 40)
    colors = renderer.interpolate(ball.vertices.float()[None].to(device), fragments, faces)
    return fragments, colors, renderer.antialias(colors, fragments, clip, faces)


def test_the_adapter_speaks_nvdiffrasts_language(ball, cameras):
    clip = ball.clip(cameras).float().requires_grad_()
    gradients = []
    for renderer in (Reference(), Nvdiffrast(operations(), None)):
        fragments, colors, smooth = pictures(renderer, clip, ball)
        (gradient,) = torch.autograd.grad(smooth.square().sum(), clip)
        gradients.append((fragments.face, fragments.barycentric, fragments.depth, colors, smooth, gradient))
    assert torch.equal(gradients[0][0], gradients[1][0])
    for ours, theirs in zip(gradients[0][1:], gradients[1][1:], strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3)


def test_the_adapter_knows_the_distance_in_a_parallel_projection(ball, cameras):
    camera = OrthographicCamera(cameras.T_camera_world.float(), 1.6)
    vertices, faces = ball.vertices.float().expand(3, -1, -1), ball.faces
    clip, distance = camera.to_clip(vertices), camera.distance(vertices)
    ours, theirs = (
        renderer.rasterize(clip, faces, 40, distance) for renderer in (Reference(), Nvdiffrast(operations(), None))
    )
    assert torch.equal(ours.face, theirs.face)
    assert torch.allclose(ours.depth, theirs.depth, atol=1e-4)
    assert 8.9 < ours.depth[ours.face >= 0].min() < 9.1


def test_a_missing_package_is_answered_with_the_line_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "nvdiffrast", None)
    with pytest.raises(MissingPackage, match="pip install .*nvdiffrast"):
        NvdiffrastConfig().build("cuda")


def test_a_device_without_cuda_is_refused():
    with pytest.raises(ValueError, match="device cpu; it needs cuda"):
        NvdiffrastConfig().build("cpu")


def test_it_is_built_from_the_package(monkeypatch):
    package, module = ModuleType("nvdiffrast"), operations()
    vars(module)["RasterizeCudaContext"] = lambda device: SimpleNamespace(device=device)
    vars(package)["torch"] = module
    monkeypatch.setitem(sys.modules, "nvdiffrast", package)
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", module)
    assert NvdiffrastConfig().build("cuda").context.device.type == "cuda"


@pytest.mark.gpu
def test_the_reference_is_the_same_on_cuda(ball, cameras):
    clip = ball.clip(cameras).float()
    here, there = (pictures(ReferenceConfig().build(d), clip, ball, d) for d in ("cpu", "cuda"))
    assert (here[0].face == there[0].face.cpu()).float().mean() > 0.999
    assert (here[2] - there[2].cpu()).abs().mean() < 1e-3


@pytest.mark.gpu
def test_nvdiffrast_and_the_reference_are_twins(ball, cameras):
    pytest.importorskip("nvdiffrast.torch")
    clip = ball.clip(cameras).float()
    ours, theirs = (
        pictures(config.build("cuda"), clip, ball, "cuda") for config in (ReferenceConfig(), NvdiffrastConfig())
    )
    assert (ours[0].face == theirs[0].face).float().mean() > 0.995
    assert (ours[1] - theirs[1]).abs().mean() < 1e-3
    assert (ours[2] - theirs[2]).abs().mean() < 5e-3
