import torch

from models.data.transforms import augment, degrade, motion, move, move_points, recolour


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_labels_move_with_the_picture():
    mask = torch.zeros(8, 64, 64, dtype=torch.long)
    mask[:, 20:40, 10:50] = 1
    image = mask[:, None].float().repeat(1, 3, 1, 1)
    moved, label = move(image, mask, motion(8, generator()), 48, generator())
    assert moved.shape == (8, 3, 48, 48) and label.shape == (8, 48, 48)
    assert ((moved[:, 0] > 0.5) == (label == 1)).float().mean() > 0.98


def test_a_picture_is_zoomed_by_seven_tenths_to_fourteen() -> None:
    zoom = motion(4000, generator())[:, :, :2].det().abs().sqrt()
    assert 0.7 < zoom.min() < 0.71 and 1.4 < zoom.max() < 1.42


def test_points_move_with_the_picture_and_swap_sides_in_a_mirror():
    points = torch.rand(16, 2, 2, generator=generator()) - 0.5
    y, x = torch.meshgrid(*2 * [(2 * torch.arange(64) + 1) / 64 - 1], indexing="ij")
    near = ((torch.stack((x, y), -1) - points[:, :, None, None]).norm(dim=-1) < 0.15).long()
    moves = motion(16, generator())
    found = move_points(points, torch.tensor((1, 0)), moves)
    # Each spot is drawn alone; in a mirror the first point is where the second spot went.
    mirrored = moves[:, :, :2].det() < 0
    assert mirrored.any() and not mirrored.all()
    for spot in (0, 1):
        _, label = move(torch.zeros(16, 3, 64, 64), near[:, spot], moves, 64, generator())
        for row in range(16):
            place = found[row, 1 - spot if mirrored[row] else spot]
            if place.abs().max() < 0.9:
                column, line = ((place + 1) * 32).long().tolist()
                assert label[row, line, column] == 1


def test_pictures_stay_in_range_and_change():
    image = torch.rand(8, 3, 32, 32, generator=generator())
    for change in (recolour, degrade):
        changed = change(image, generator())
        assert changed.min() >= 0 and changed.max() <= 1 and not torch.equal(changed, image)


def test_it_depends_on_the_generator_alone():
    image, label = torch.rand(4, 3, 32, 32), torch.zeros(4, 32, 32, dtype=torch.long)
    assert torch.equal(augment(image, label, 32, generator(1))[0], augment(image, label, 32, generator(1))[0])
    assert not torch.equal(augment(image, label, 32, generator(1))[0], augment(image, label, 32, generator(2))[0])
