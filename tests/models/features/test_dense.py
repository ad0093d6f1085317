import torch
from transformers import ViTConfig as NetworkConfig
from transformers import ViTModel

from models.features.dense import feature_maps, principal_directions
from models.features.vit import Vit


def vit():
    torch.manual_seed(0)
    config = NetworkConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    return Vit(ViTModel(config, add_pooling_layer=False).eval(), None)


def pictures(count=20):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 48, 48, 3), generator=generator, dtype=torch.uint8)
    masks = torch.zeros(count, 48, 48, dtype=torch.bool)
    masks[:, 8:40, 8:40] = True
    return images, masks


def maps_of(images, masks):
    return feature_maps(vit(), images, 32, principal_directions(vit(), images, masks, 32, components=4))


def test_one_map_per_crop_in_half_precision_between_0_and_1():
    maps = maps_of(*pictures())
    assert maps.shape == (20, 4, 4, 4) and maps.dtype == torch.float16
    assert maps.min() >= 0 and maps.max() <= 1


def test_it_is_the_same_every_time():
    assert torch.equal(*(maps_of(*pictures()) for _ in range(2)))


def test_the_same_place_of_the_same_picture_has_the_same_features():
    images, masks = pictures()
    images[7] = images[3]
    maps = maps_of(images, masks)
    assert torch.equal(maps[3], maps[7]) and not torch.equal(maps[3], maps[8])


def test_more_crops_than_are_fitted(monkeypatch):
    monkeypatch.setattr("models.features.dense.FITTED", 5)
    assert len(maps_of(*pictures())) == 20


def test_directions_are_those_of_the_crops_that_stand_nearest_to_an_even_spread(monkeypatch):
    images, masks = pictures()
    chosen = [0, 5, 10, 14, 19]
    monkeypatch.setattr("models.features.dense.FITTED", 5)
    some = principal_directions(vit(), images, masks, 32, components=4)
    alone = principal_directions(vit(), images[chosen], masks[chosen], 32, components=4)
    assert all(torch.equal(one, other) for one, other in zip(vars(some).values(), vars(alone).values(), strict=True))
