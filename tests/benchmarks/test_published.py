"""The patterns have as many weights as the models they are named after."""

import pytest
import torch
from diffusers import AutoencoderKL

from benchmarks.published import MODELS, texts, unet


@pytest.mark.parametrize(
    ("name", "denoiser", "encoders"),
    [
        ("sd15", 859_520_964, [123_060_480]),
        ("sd21", 865_910_724, [340_387_840]),
        ("sdxl", 2_567_463_684, [123_060_480, 694_659_840]),
    ],
)
def test_as_many_weights_as_the_published_files(name, denoiser, encoders):
    with torch.device("meta"):
        assert unet(MODELS[name]).num_parameters() == denoiser
        assert [each.num_parameters() for each in texts(MODELS[name])] == encoders
        assert AutoencoderKL(**MODELS[name].vae).num_parameters() == 83_653_863
