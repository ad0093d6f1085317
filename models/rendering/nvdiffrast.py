"""The same three operations on CUDA by nvdiffrast (Laine et al. 2020), an optional package."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.core.config import Config
from models.core.errors import MissingPackage
from models.rendering.reference import Fragments

INSTALL = "pip install --no-build-isolation git+https://github.com/NVlabs/nvdiffrast"


class NvdiffrastConfig(Config):
    """The fast rasteriser for NVIDIA cards."""

    kind: Literal["nvdiffrast"] = "nvdiffrast"

    def check_available(self, device: str) -> None:
        """Raises ValueError on a device without CUDA, MissingPackage when nvdiffrast is not installed."""
        if torch.device(device).type != "cuda":
            raise ValueError(f"renderer.kind nvdiffrast on device {device}; it needs cuda, use kind reference here")
        self._operations()

    def build(self, device: torch.device | str) -> "Nvdiffrast":
        """The renderer on a CUDA device. Raises as `check_available` does."""
        self.check_available(str(device))
        operations = self._operations()
        return Nvdiffrast(operations, operations.RasterizeCudaContext(torch.device(device)))

    @staticmethod
    def _operations() -> ModuleType:
        try:
            import nvdiffrast.torch as operations  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise MissingPackage(
                f"renderer.kind nvdiffrast (non-commercial) cannot be imported ({error}): {INSTALL}; docs/gpu.md"
            ) from error
        return operations


@dataclass(frozen=True)
class Nvdiffrast:
    """Rasterise, interpolate and antialias; its row 0 is ndc y = -1, which our clip space already has on top."""

    operations: ModuleType
    """`nvdiffrast.torch`."""
    context: Any

    def rasterize(
        self,
        clip: Float[Tensor, "batch vertices 4"],
        faces: Int[Tensor, "faces 3"],
        size: int,
        distance: Float[Tensor, "batch vertices"] | None = None,
    ) -> Fragments:
        """The nearest face at every pixel centre; `distance` along the camera's axis is the clip w if not given."""
        clip, triangles = clip.float().contiguous(), faces.int().contiguous()
        raster, _ = self.operations.rasterize(self.context, clip, triangles, [size, size], grad_db=False)
        first, second, _, number = raster.unbind(-1)
        face = number.detach().long() - 1
        covered = (face >= 0)[..., None]
        weights = torch.stack((first, second, 1 - first - second), -1) * covered
        along_axis = clip[..., 3:] if distance is None else distance.float()[..., None]
        depth, _ = self.operations.interpolate(along_axis.contiguous(), raster, triangles)
        return Fragments(face, weights, depth[..., 0], distance)

    def interpolate(
        self, attributes: Float[Tensor, "meshes vertices channels"], fragments: Fragments, faces: Int[Tensor, "faces 3"]
    ) -> Float[Tensor, "batch height width channels"]:
        """Vertex attributes at every pixel, of one mesh for all images or one each; 0 where empty."""
        raster = _raster(fragments)
        return self.operations.interpolate(attributes.float().contiguous(), raster, faces.int().contiguous())[0]

    def antialias(
        self,
        colors: Float[Tensor, "batch height width channels"],
        fragments: Fragments,
        clip: Float[Tensor, "batch vertices 4"],
        faces: Int[Tensor, "faces 3"],
    ) -> Float[Tensor, "batch height width channels"]:
        """Colours blended across silhouettes, which gives the vertices their gradient there."""
        triangles = faces.int().contiguous()
        colors, clip = colors.float().contiguous(), clip.float().contiguous()
        return self.operations.antialias(colors, _raster(fragments).detach(), clip, triangles)


def _raster(fragments: Fragments) -> Float[Tensor, "batch height width 4"]:
    """nvdiffrast's own form: two weights, a depth that only orders (here -1/w), and the face number from 1."""
    order = torch.where(fragments.face >= 0, -1 / fragments.depth.detach().clamp(min=1e-6), 0.0)
    number = (fragments.face + 1).to(order.dtype)
    return torch.cat((fragments.barycentric[..., :2], torch.stack((order, number), -1)), -1).contiguous()
