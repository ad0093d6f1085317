import torch

from models.data.ground_truth import Truth
from models.truth.barnyard.rig import KEYPOINTS, OPPOSITE_KEYPOINT

TRUTH = Truth(
    torch.tensor([[0.6, 0.0, 0.8], [0.0, 0.6, -0.8]]),
    torch.tensor([[[0.1, 0.2, 0.3], [0.5, -0.3, -0.3]], [[0.0, 0.4, 0.1], [-0.2, 0.9, -0.1]]]),
    torch.tensor([[[0.7, 0.1, 0.2]], [[-0.3, 0.4, -0.6]]]),
    torch.tensor([[0.5, 0.3, 0.2, -0.1], [0.4, -0.2, 0.3, 0.4]]),
    torch.tensor([1, 0]),
)
BOTH = torch.tensor([0, 1])


def test_a_mirrored_animal_is_seen_from_its_other_side():
    found = TRUTH.rows(torch.tensor([0, 0, 1]), torch.tensor([False, True, True]))
    assert torch.equal(found.towards, torch.tensor([[0.6, 0.0, 0.8], [-0.6, 0.0, 0.8], [0.0, 0.6, -0.8]]))


def test_left_and_right_keypoints_change_places_in_the_mirror():
    found = TRUTH.rows(BOTH, torch.tensor([True, False]))
    assert torch.equal(found.keypoints[0], torch.tensor([[-0.5, -0.3, -0.3], [-0.1, 0.2, 0.3]]))
    assert torch.equal(found.keypoints[1], TRUTH.keypoints[1])


def test_a_mirrored_surface_stays_as_high_and_as_deep():
    found = TRUTH.rows(BOTH, torch.tensor([True, False]))
    assert torch.equal(found.surface, torch.tensor([[[-0.7, 0.1, 0.2]], [[-0.3, 0.4, -0.6]]]))


def test_a_light_falls_on_the_mirrored_animal_as_the_mirror_shows_it():
    normals = torch.nn.functional.normalize(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    plain, mirrored = (TRUTH.rows(BOTH, torch.tensor([flipped, flipped])).light for flipped in (False, True))
    lit, other = normals @ plain[:, 1:].T, normals * torch.tensor([-1.0, 1.0, 1.0]) @ mirrored[:, 1:].T
    assert torch.allclose(lit, other) and torch.equal(plain[:, 0], mirrored[:, 0])


def test_mirroring_twice_changes_nothing():
    always = torch.tensor([True, True])
    twice = TRUTH.rows(BOTH, always).rows(BOTH, always)
    assert torch.equal(twice.towards, TRUTH.towards) and torch.equal(twice.keypoints, TRUTH.keypoints)
    assert torch.equal(twice.surface, TRUTH.surface) and torch.equal(twice.light, TRUTH.light)


def test_opposite_keypoints_are_pairs_and_the_middle_is_its_own():
    assert [OPPOSITE_KEYPOINT[other] for other in OPPOSITE_KEYPOINT] == list(range(len(KEYPOINTS)))
    assert KEYPOINTS[OPPOSITE_KEYPOINT[KEYPOINTS.index("left_hind_hoof")]] == "right_hind_hoof"
    assert OPPOSITE_KEYPOINT[KEYPOINTS.index("nose")] == KEYPOINTS.index("nose")
