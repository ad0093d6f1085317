"""Tokens of a frozen vision transformer (DINO, Caron et al. 2021), and their principal components (fidelity F5).

Any `transformers` ViTModel does: a folder such as `weights/vit`, or a hub id such as `facebook/dino-vits8`.
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportReturnType=false

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate, normalize, pad

from models.core.config import Config
from models.core.hub import read_settings
from models.core.weights import digest, disable_progress_bars, locate, pin_revision, report_missing_weights

if TYPE_CHECKING:
    from transformers import ViTModel

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's channels, with which DINO was trained."""

TokenMap = Float[Tensor, "batch channels rows columns"]


class VitConfig(Config):
    """Which transformer, and how densely it looks."""

    model: str = Field(default="weights/vit", description="folder or hub id of a transformers ViTModel")
    revision: str | None = Field(default=None, description="commit or tag of a hub model")
    stride: int | None = Field(
        default=None, ge=1, description="pixels between tokens; default is the patch, papers halve it"
    )

    def digest(self) -> str:
        """Digest of the weights, on which the tokens depend besides this config."""
        return digest(locate(self.model), self.revision)

    def check_available(self, device: str) -> None:
        """Raises MissingWeights where the model cannot be had, ValueError where it is another or the stride unfit."""
        settings = read_settings(self.model, self.revision, "config.json")
        if (kind := settings.get("model_type")) != "vit":
            raise ValueError(f"vit.model {self.model} is a {kind}; give a ViTModel of transformers, such as DINO's")
        check_stride(self.stride or settings["patch_size"], settings["patch_size"])

    def build(self, device: torch.device) -> "Vit":
        """Raises MissingWeights where the model is absent or broken."""
        from transformers import ViTModel

        model = locate(self.model)
        disable_progress_bars()
        with report_missing_weights(model, "the vision transformer"):
            revision = pin_revision(model, self.revision)
            loaded: Any = ViTModel.from_pretrained(
                model, revision=revision, add_pooling_layer=False, output_loading_info=True
            )
            network, report = loaded
            if report["missing_keys"]:
                raise ValueError(f"{min(report['missing_keys'])} is missing")
        return Vit(network.float().to(device).eval(), self.stride, self.digest())


class Vit:
    """A frozen transformer; its tokens as maps."""

    def __init__(self, network: "ViTModel", stride: int | None, digest: str = "") -> None:
        """A stride below the patch size makes overlapping patches; tokens stay centred on their cells."""
        self.network, self.patch = network.requires_grad_(False), network.config.patch_size
        self.digest = digest
        self.stride: int = stride or self.patch
        check_stride(self.stride, self.patch)

    @property
    def channels(self) -> int:
        """Length of a token."""
        return self.network.config.hidden_size

    @torch.no_grad()
    def tokens(self, images: Float[Tensor, "batch height width 3"]) -> tuple[TokenMap, TokenMap]:
        """Normalised final tokens, and keys of the last block, for images in [0, 1]."""
        hidden, (rows, columns) = embed(self.network, images, self.stride)
        out, key = last_tokens(self.network, hidden)
        return as_map(out, rows, columns), as_map(key, rows, columns)


def check_stride(stride: int, patch: int) -> None:
    """Raises ValueError for a stride at which tokens would not be centred on their cells."""
    if (patch - stride) % 2 or stride > patch:
        raise ValueError(f"vit.stride is {stride}; give {patch}, the patch, or less by an even number")


def embed(
    network: "ViTModel", images: Float[Tensor, "batch height width 3"], stride: int
) -> tuple[Float[Tensor, "batch tokens channels"], tuple[int, int]]:
    """What goes into the first block, the class token first; rows and columns of the others."""
    patch = network.config.patch_size
    if min(images.shape[1:3]) < patch:
        raise ValueError(f"image is {images.shape[1]} x {images.shape[2]} px; the transformer needs at least {patch}")
    scaled = (images - images.new_tensor(MEAN)) / images.new_tensor(DEVIATION)
    border = (patch - stride) // 2
    padded = pad(scaled.permute(0, 3, 1, 2), (border,) * 4, mode="reflect") if border else scaled.permute(0, 3, 1, 2)
    parts = network.embeddings
    projection = parts.patch_embeddings.projection
    patches = torch.nn.functional.conv2d(padded, projection.weight, projection.bias, stride=stride)
    rows, columns = patches.shape[-2:]
    side = round((parts.position_embeddings.shape[1] - 1) ** 0.5)
    positions = as_map(parts.position_embeddings, side, side)
    if (rows, columns) != (side, side):
        positions = interpolate(positions, (rows, columns), mode="bicubic", align_corners=False)
    first = (parts.cls_token + parts.position_embeddings[:, :1]).expand(len(images), -1, -1)
    return torch.cat((first, (patches + positions).flatten(2).mT), 1), (rows, columns)


def last_tokens(
    network: "ViTModel", hidden: Float[Tensor, "batch tokens channels"]
) -> tuple[Float[Tensor, "batch tokens channels"], Float[Tensor, "batch tokens channels"]]:
    """Normalised final tokens, and keys of the last block, of what `embed` gives; the class token first."""
    *layers, last = network.layers
    for layer in layers:
        hidden = layer(hidden, None)
    key = last.attention.k_proj(last.layernorm_before(hidden))
    return network.layernorm(last(hidden, None)), key


def as_map(tokens: Float[Tensor, "batch tokens channels"], rows: int, columns: int) -> TokenMap:
    """Tokens by place, without the class token."""
    return tokens[:, 1:].mT.unflatten(2, (rows, columns))


@dataclass(frozen=True)
class Pca:
    """Directions in which the descriptors of one category vary most."""

    mean: Float[Tensor, " channels"]
    directions: Float[Tensor, "channels components"]

    @staticmethod
    def fit(descriptors: TokenMap, mask: Float[Tensor, "batch rows columns"], components: int = 16) -> "Pca":
        """From maps whose background is set to zero, as MagicPony does, not left out."""
        kept = (normalize(descriptors, dim=1) * mask[:, None]).movedim(1, -1).flatten(0, -2)
        if components > min(kept.shape):
            raise ValueError(f"{components} components asked of {len(kept)} descriptors of {kept.shape[1]} channels")
        mean = kept.mean(0)
        # The covariance is small (channels squared), however many descriptors there are.
        _, _, rows = torch.linalg.svd((kept - mean).mT @ (kept - mean))
        # A direction's sign is arbitrary: its largest entry is made positive, the same on every machine.
        largest = rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()
        return Pca(mean, (rows * largest)[:components].mT.contiguous())

    def transform(self, descriptors: TokenMap) -> Float[Tensor, "batch components rows columns"]:
        """Unit vectors over the components, moved from [-1, 1] to [0, 1]; 0.5 is neutral."""
        components = (normalize(descriptors, dim=1).movedim(1, -1) - self.mean) @ self.directions
        return (normalize(components, dim=-1).movedim(-1, 1) + 1) / 2
