import pytest
import torch
from transformers import ViTConfig as NetworkConfig
from transformers import ViTModel
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from models.core.errors import MissingWeights
from models.features.vit import DEVIATION, MEAN, Pca, Vit, VitConfig


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    config = NetworkConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8
    )
    return ViTModel(config, add_pooling_layer=False).eval()


@torch.no_grad()
def test_final_tokens_are_those_of_transformers(network):
    images = torch.rand(2, 32, 32, 3)
    out, key = Vit(network, None).tokens(images)
    scaled = ((images - torch.tensor(MEAN)) / torch.tensor(DEVIATION)).permute(0, 3, 1, 2)
    theirs = network(scaled).last_hidden_state[:, 1:].mT.reshape(2, 32, 4, 4)
    assert torch.allclose(out, theirs, atol=1e-5)
    assert key.shape == out.shape and not torch.allclose(key, out)


@torch.no_grad()
def test_other_sizes_agree_with_transformers_too(network):
    images = torch.rand(1, 48, 64, 3)
    out, _ = Vit(network, None).tokens(images)
    scaled = ((images - torch.tensor(MEAN)) / torch.tensor(DEVIATION)).permute(0, 3, 1, 2)
    theirs = network(scaled, interpolate_pos_encoding=True).last_hidden_state[:, 1:].mT.reshape(1, 32, 6, 8)
    assert torch.allclose(out, theirs, atol=1e-4)


def test_a_hub_model_is_loaded_as_it_was_fetched_first(commit, refuse):
    refuse(ViTModel)
    with pytest.raises(MissingWeights, match=commit):
        VitConfig(model="owner/model").build(torch.device("cpu"))


def test_pictures_are_normalised_as_transformers_does_for_dino():
    assert (tuple(IMAGENET_DEFAULT_MEAN), tuple(IMAGENET_DEFAULT_STD)) == (MEAN, DEVIATION)


def test_half_the_stride_is_twice_the_tokens(network):
    out, _ = Vit(network, 4).tokens(torch.rand(1, 32, 32, 3))
    assert out.shape == (1, 32, 8, 8)


def test_a_stride_that_would_shift_the_tokens_is_refused(network):
    with pytest.raises(ValueError, match=r"vit\.stride is 5; give 8"):
        Vit(network, 5)


def test_no_gradient_and_no_training(network):
    vit = Vit(network, None)
    assert not any(weight.requires_grad for weight in vit.network.parameters())


def test_a_saved_folder_comes_back(network, tmp_path):
    network.save_pretrained(tmp_path)
    vit = VitConfig(model=str(tmp_path)).build(torch.device("cpu"))
    image = torch.rand(1, 32, 32, 3)
    assert torch.allclose(vit.tokens(image)[0], Vit(network, None).tokens(image)[0], atol=1e-5)
    assert vit.channels == 32 and len(vit.digest) == 64


def test_a_broken_file_is_named(network, tmp_path):
    network.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"half")
    with pytest.raises(MissingWeights, match="the vision transformer in .* cannot be loaded"):
        VitConfig(model=str(tmp_path)).build(torch.device("cpu"))


def test_components_are_unit_vectors_moved_to_0_1():
    maps = torch.randn(3, 12, 5, 5)
    found = Pca.fit(maps, torch.ones(3, 5, 5), 4).transform(maps)
    assert found.shape == (3, 4, 5, 5) and found.min() >= 0 and found.max() <= 1
    assert torch.allclose((found * 2 - 1).norm(dim=1), torch.ones(3, 5, 5), atol=1e-5)


def test_components_follow_the_largest_variance_inside_the_mask():
    torch.manual_seed(0)
    maps = torch.ones(4, 6, 8, 8)
    mask = torch.zeros(4, 8, 8)
    mask[:, :4] = 1
    maps[:, 2, :4] += 3 * torch.randn(4, 4, 8)
    maps[:, 5, 4:] += 30 * torch.randn(4, 4, 8)
    direction = Pca.fit(maps, mask, 1).directions[:, 0]
    assert direction[5].abs() < direction[2].abs()


def test_too_many_components_are_refused():
    with pytest.raises(ValueError, match="9 components asked of 25 descriptors of 8 channels"):
        Pca.fit(torch.randn(1, 8, 5, 5), torch.ones(1, 5, 5), 9)


def test_the_embedded_transformer_tells_parts_alike():
    vit = VitConfig().build(torch.device("cpu"))
    out, key = vit.tokens(torch.rand(1, 128, 128, 3))
    assert out.shape == key.shape == (1, vit.channels, 16, 16)
