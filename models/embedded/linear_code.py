"""An encoder that starts as the best linear code: principal components of 8 x 8 blocks of pixels.

Sixteen components give 28.4 dB on held-out barnyard photos before anything is learnt. An encoder that starts from
random weights, or from one that has thrown the detail away, is far from that after an hour (docs/lab, round 12).
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false, reportIndexIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportOptionalSubscript=false
# pyright: reportOptionalMemberAccess=false

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

FIRST = 12
"""Components kept of the first 2 x 2 blocks: all that three channels have."""
OFFSET, SHIFT = 10.0, 6.0
"""Offsets that make the last normalisation and the last activation nearly linear."""
LOG_VARIANCE = -8.0
PHOTOS = 400
"""Photos that the components are computed from."""

Picture = Float[Tensor, "batch 3 height width"]


@torch.no_grad()
def start_as_linear_code(vae: "AutoencoderKL", pictures: Picture) -> None:
    """Set the encoder's weights, in place; the decoder stays. `pictures` are in [-1, 1].

    Level by level along the residual stream, whose branches add nothing at first: 2 x 2 blocks of the picture to
    components, 2 x 2 blocks of these to more, and again, the last ones half whitened.
    Raises ValueError unless the encoder has four levels, the last twice as wide as the third.
    """
    encoder, widths = vae.encoder, vae.config.block_out_channels
    if len(widths) != 4 or widths[3] != 2 * widths[2]:
        raise ValueError(f"widths are {tuple(widths)}; give four, the last twice the third")
    for name, module in encoder.named_modules():
        if name.endswith("conv2"):
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)
    _clear(encoder.conv_in)
    encoder.conv_in.weight[range(3), range(3), 1, 1] = 1
    stream, used = pictures, 3
    for level, kept in enumerate((min(FIRST, widths[0]), widths[1], widths[2])):
        weight, bias, deviation = principal_components(stream, min(kept, 4 * used))
        if level == 2:
            scale = deviation.clamp(min=1e-3) ** -0.5
            weight, bias = weight * scale.view(-1, 1, 1, 1), bias * scale
        conv = encoder.down_blocks[level].downsamplers[0].conv
        _clear(conv)
        conv.weight[: len(weight), :used, :2, :2], conv.bias[: len(weight)] = weight, bias
        stream, used = conv2d(stream, weight, bias, stride=2), len(weight)
        shortcut = encoder.down_blocks[level + 1].resnets[0].conv_shortcut
        if level < 2 and shortcut is not None:
            _clear(shortcut)
            shortcut.weight[range(used), range(used)] = 1
    _pass_through_the_end(vae, used)


def _pass_through_the_end(vae: "AutoencoderKL", used: int) -> None:
    """Components on every second channel, so that each group of the last normalisation has as many of them."""
    encoder, latents = vae.encoder, vae.config.latent_channels
    shortcut = encoder.down_blocks[3].resnets[0].conv_shortcut
    _clear(shortcut)
    shortcut.weight[[2 * component for component in range(used)], range(used)] = 1
    pattern = torch.ones(len(shortcut.bias))
    pattern[2::4] = pattern[3::4] = -1
    shortcut.bias[:] = OFFSET * pattern
    encoder.conv_norm_out.weight[:] = OFFSET
    encoder.conv_norm_out.bias[:] = SHIFT - OFFSET * pattern
    _clear(encoder.conv_out)
    first = range(min(latents, used))
    encoder.conv_out.weight[list(first), [2 * component for component in first], 1, 1] = 1
    encoder.conv_out.bias[:latents] = -SHIFT
    encoder.conv_out.bias[latents:] = LOG_VARIANCE
    for convolution in (vae.quant_conv, vae.post_quant_conv):
        _clear(convolution)
        channels = range(len(convolution.bias))
        convolution.weight[channels, channels] = 1


def principal_components(
    pictures: Float[Tensor, "batch channels height width"], kept: int
) -> tuple[Float[Tensor, "kept channels 2 2"], Float[Tensor, " kept"], Float[Tensor, " kept"]]:
    """Of 2 x 2 blocks: weights and biases of a convolution that computes them, and their standard deviations."""
    batch, channels, height, width = pictures.shape
    blocks = pictures.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
    rows = blocks.flatten(1)
    mean = rows.mean(0)
    variances, vectors = torch.linalg.eigh((rows - mean).mT @ (rows - mean) / len(rows))
    best = vectors.flip(1)[:, :kept].mT
    return best.reshape(-1, channels, 2, 2), -(best @ mean), variances.flip(0)[:kept].clamp(min=0).sqrt()


def _clear(convolution: torch.nn.Module) -> None:
    torch.nn.init.zeros_(convolution.weight)
    torch.nn.init.zeros_(convolution.bias)
