import torch

from models.augmentation import augment, degrade, move, recolour


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_labels_move_with_the_picture():
    mask = torch.zeros(8, 64, 64, dtype=torch.long)
    mask[:, 20:40, 10:50] = 1
    image = mask[:, None].float().repeat(1, 3, 1, 1)
    moved, label = move(image, mask, 48, generator())
    assert moved.shape == (8, 3, 48, 48) and label.shape == (8, 48, 48)
    assert ((moved[:, 0] > 0.5) == (label == 1)).float().mean() > 0.98


def test_pictures_stay_in_range_and_change():
    image = torch.rand(8, 3, 32, 32, generator=generator())
    for change in (recolour, degrade):
        changed = change(image, generator())
        assert changed.min() >= 0 and changed.max() <= 1 and not torch.equal(changed, image)


def test_it_depends_on_the_generator_alone():
    image, label = torch.rand(4, 3, 32, 32), torch.zeros(4, 32, 32, dtype=torch.long)
    assert torch.equal(augment(image, label, 32, generator(1))[0], augment(image, label, 32, generator(1))[0])
    assert not torch.equal(augment(image, label, 32, generator(1))[0], augment(image, label, 32, generator(2))[0])
