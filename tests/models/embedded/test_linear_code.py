import pytest
import torch
from diffusers import AutoencoderKL

from models.embedded.linear_code import principal_components, start_as_linear_code


def autoencoder(widths=(16, 32, 64, 128), latents=16):
    torch.manual_seed(0)
    levels = len(widths)
    return AutoencoderKL(
        latent_channels=latents, layers_per_block=2, block_out_channels=widths, norm_num_groups=8,
        mid_block_add_attention=False, down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
    )  # fmt: skip


def test_the_latents_are_the_best_linear_code_of_blocks(pictures):
    images = torch.from_numpy(pictures.image).permute(0, 3, 1, 2).float() / 127.5 - 1
    vae = autoencoder()
    start_as_linear_code(vae, images)
    latent = vae.encode(images).latent_dist.mean.detach()
    assert latent.shape == (6, 16, 8, 8)

    def explained(code):
        """Share of the pixels' variance that a linear reading of a code gives back."""
        blocks = images.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).reshape(-1, 192)
        rows = torch.cat((code, torch.ones(len(code), 1)), 1).double()
        back = rows @ torch.linalg.lstsq(rows, blocks.double()).solution
        return 1 - (blocks - back).square().sum() / (blocks - blocks.mean(0)).square().sum()

    blocks = images.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).reshape(-1, 192)
    _, _, axes = torch.linalg.svd(blocks - blocks.mean(0), full_matrices=False)
    best = explained(blocks @ axes[:16].mT)
    ours = explained(latent.permute(0, 2, 3, 1).reshape(-1, 16))
    assert ours > best - 0.02 > 0.8


def test_components_of_blocks_are_uncorrelated_and_sorted():
    pictures = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)).cumsum(2).cumsum(3)
    weight, bias, deviation = principal_components(pictures, 6)
    code = torch.nn.functional.conv2d(pictures, weight, bias, stride=2).permute(1, 0, 2, 3).flatten(1)
    covariance = code @ code.mT / code.shape[1]
    assert torch.allclose(covariance.diagonal().sqrt(), deviation, rtol=1e-3)
    assert (covariance - covariance.diag().diag()).abs().max() < 1e-3 * covariance.max()
    assert deviation.tolist() == sorted(deviation.tolist(), reverse=True)


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match=r"widths are \(8, 8, 16\); give four, the last twice the third"):
        start_as_linear_code(autoencoder((8, 8, 16)), torch.zeros(1, 3, 16, 16))
