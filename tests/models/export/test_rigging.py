"""What the file of an animal does, measured from the file alone: it stands, walks, trots and grazes on the ground."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models.export.rigging import rig, stand
from models.truth.barnyard.anatomy import body
from tests.models.export.farm_animals import HEIGHTS, played, rigged
from tests.models.export.flesh import Flesh
from tests.storage.gltf_player import Player

ANIMALS = ("cow", "horse", "sheep")
LOOPS = ("idle", "walk", "trot", "graze")
MOMENTS = 121
"""No multiple of the keys of a clip."""


def hooves(player: Player) -> list[np.ndarray]:
    """For each leg the vertices near the ground at rest."""
    rest = player.attribute("POSITION").astype(float)
    tall = np.ptp(rest[:, 1])
    feet = [(side, end) for side in (1, -1) for end in (1, -1)]
    near = [
        (np.sign(rest[:, 0]) == side) & (np.sign(rest[:, 2]) == end) & (rest[:, 1] < 0.03 * tall) for side, end in feet
    ]
    return [np.flatnonzero(leg) for leg in near]


def stances(on_ground: np.ndarray) -> list[np.ndarray]:
    """Runs of moments in which a hoof is down; the cycle closes, and its last moment is its first."""
    down = on_ground[:-1]
    if down.all():
        return [np.arange(len(down))]
    first = int(np.flatnonzero(~down)[0])
    order = (np.arange(len(down)) + first) % len(down)
    changes = np.flatnonzero(np.diff(down[order].astype(int)))
    return [run for run in np.split(order, changes + 1) if down[run[0]]]


@pytest.mark.parametrize("clip", LOOPS)
@pytest.mark.parametrize("animal", ANIMALS)
def test_hooves_stay_where_they_stand(animal: str, clip: str) -> None:
    player, height = played(animal), HEIGHTS[animal]
    seconds = np.linspace(0, player.duration(clip), MOMENTS)
    speed = player.clips[clip]["extras"]["metres_per_second"]
    assert player.surface(clip, seconds[::8])[..., 1].min() > 0, "something is below the ground"
    duration, leg_length = seconds[-1], 0.55 * height
    for hoof in hooves(player):
        surface = player.surface(clip, seconds, hoof)
        lowest, along = surface[..., 1].min(1), surface[..., 2].mean(1)
        assert lowest.min() > 0, "the hoof is below the ground"
        runs = stances(lowest < 0.01 * height)
        assert runs, "the hoof never comes down"
        for run in runs:
            elapsed = seconds[run] + duration * (np.cumsum(np.diff(run, prepend=run[0]) < 0))
            ground = along[run] + speed * elapsed
            assert np.ptp(ground) < 0.02 * leg_length
            assert np.ptp(surface[run, :, 0].mean(1)) < 0.02 * leg_length


@pytest.mark.parametrize("animal", ANIMALS)
def test_clips_loop_and_end_on_a_frame(animal: str) -> None:
    player = played(animal)
    for clip in LOOPS:
        duration = player.duration(clip)
        for rate in (24, 30, 60):
            assert duration * rate == pytest.approx(round(duration * rate), abs=1e-4)
        first, last = player.surface(clip, np.array((0.0, duration)))
        np.testing.assert_allclose(first, last, atol=1e-5)


def test_a_clip_that_travels_is_the_other_moved_over_the_ground() -> None:
    player = played("cow")
    for clip in ("walk", "trot"):
        seconds = np.linspace(0, player.duration(clip), 7)
        distance = player.clips[clip]["extras"]["metres_per_second"] * seconds
        on_the_spot, travels = player.surface(clip, seconds), player.surface(f"{clip}_forward", seconds)
        np.testing.assert_allclose(
            travels[..., 2] - on_the_spot[..., 2], distance[:, None] + 0 * travels[..., 2], atol=1e-5
        )
        np.testing.assert_allclose(travels[..., :2], on_the_spot[..., :2], atol=1e-5)
        assert distance[-1] > 0.3


def test_a_walk_is_in_lateral_sequence_and_the_body_bobs() -> None:
    player, height = played("cow"), HEIGHTS["cow"]
    seconds = np.linspace(0, player.duration("walk"), MOMENTS)
    left_fore, left_hind, right_fore, right_hind = (
        player.surface("walk", seconds[:-1], hoof)[..., 2].mean(1).argmax() / (MOMENTS - 1) for hoof in hooves(player)
    )
    order = [(later - left_hind) % 1 for later in (left_fore, right_hind, right_fore)]
    assert order == pytest.approx([0.25, 0.5, 0.75], abs=0.03)
    rest = player.attribute("POSITION")
    back = (rest[:, 1] > 0.8 * height) & (np.abs(rest[:, 2]) < 0.2 * height)
    assert 0.003 < np.ptp(player.surface("walk", seconds, back)[..., 1].mean(1)) / height < 0.05


@pytest.mark.parametrize("animal", ANIMALS)
def test_the_file_is_one_skeleton_on_the_ground_in_its_bind_pose(animal: str) -> None:
    player = played(animal)
    assert player.parents.count(-1) == 1 and player.names[player.parents.index(-1)] == "root"
    np.testing.assert_allclose(player.bind[player.names.index("root")], np.eye(4), atol=1e-6)
    np.testing.assert_allclose(player.joints(None, np.zeros(1))[0], player.bind, atol=1e-5)
    rest = player.attribute("POSITION")
    assert [rest[hoof, 1].min() for hoof in hooves(player)] == pytest.approx([0] * 4, abs=1e-4)
    assert player.surface("photo", np.zeros(1))[..., 1].min() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("animal", ANIMALS)
def test_bones_lie_along_their_y_and_touch(animal: str) -> None:
    """So Blender, which takes the nearest child for a bone's length, shows a connected skeleton."""
    player = played(animal)
    for bone, name in enumerate(player.names):
        children = [child for child, parent in enumerate(player.parents) if parent == bone]
        if name == "root" or not children:
            continue
        head, along = player.bind[bone, :3, 3], player.bind[bone, :3, 1]
        length = min(np.linalg.norm(player.bind[child, :3, 3] - head) for child in children)
        ends = [np.linalg.norm(player.bind[child, :3, 3] - head - length * along) for child in children]
        assert min(ends) < 1e-4, f"{name} does not end at its nearest child"


@pytest.mark.parametrize("animal", ANIMALS)
def test_the_spine_carries_the_belly_and_at_most_four_bones_a_vertex(animal: str) -> None:
    player = played(animal)
    rest, weights = player.attribute("POSITION"), player.weights
    assert ((weights > 0).sum(1) <= 4).all()
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    fore, hind = (player.bind[player.names.index(name), 2, 3] for name in ("hand_l", "foot_l"))
    reach, belly = fore - hind, rigged(animal).landmarks.belly
    between = (rest[:, 2] > hind + 0.35 * reach) & (rest[:, 2] < fore - 0.35 * reach) & (rest[:, 1] < 1.3 * belly)
    spine = [slot for slot, name in enumerate(player.names) if name.startswith(("spine", "pelvis"))]
    assert between.sum() > 50 and weights[between][:, spine].sum(1).mean() > 0.93


def enclosed(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Volume within a patch of surface whose borders are closed by fans about their middles."""
    corners = vertices[faces]
    volume = np.einsum("ni,ni->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    count = len(vertices)
    border = edges[~np.isin(edges @ (count, 1), edges @ (1, count))]
    joined = coo_array((np.ones(len(border)), border.T), shape=(count, count))
    ring = connected_components(joined, directed=False)[1][border[:, 0]]
    for number in np.unique(ring):
        start, end = border[ring == number].T
        middle = vertices[np.unique(start)].mean(0)
        volume += np.einsum("ni,ni->", vertices[end], np.cross(vertices[start], middle[None])) / 6
    return float(volume)


@pytest.mark.parametrize(("animal", "most"), [("cow", 0.32), ("horse", 0.2), ("sheep", 0.2)])
def test_joints_of_the_legs_keep_their_flesh(animal: str, most: float) -> None:
    """No candy wrapper. The legs of these animals are thin and short, and bend further than those of learnt ones."""
    flesh = Flesh(played(animal), 40)
    for clip in ("walk", "trot"):
        changes = flesh.changes(clip, 8)
        assert max(map(abs, changes.values())) < most, (clip, changes)


@pytest.mark.parametrize("animal", ANIMALS)
def test_the_neck_of_who_grazes_keeps_its_volume(animal: str) -> None:
    """Of what is nearer to the neck's or the head's bones than to the trunk's, within a fourteenth of the height."""
    player = played(animal)
    rest, height = player.attribute("POSITION").astype(float), HEIGHTS[animal]
    spine = ("spine_01", "spine_02", "spine_03", "neck_01", "neck_02", "head")
    heads, along = (player.bind[[player.names.index(bone) for bone in spine], :3, slot] for slot in (3, 1))
    lengths = np.append(np.linalg.norm(np.diff(heads, axis=0), axis=1), 0.3 * height)
    offset = rest[:, None] - heads
    share = np.clip((offset * along).sum(-1), 0, lengths)
    nearest = np.linalg.norm(offset - share[..., None] * along, axis=-1).argmin(1)
    surface = player.surface("graze", np.linspace(0, player.duration("graze"), 9))
    for bone in (4, 5):
        near = (np.abs(offset[:, bone] @ along[bone]) < height / 14) & (nearest >= 3)
        patch = player.faces[near[player.faces].all(1)]
        change = [enclosed(moment, patch) / enclosed(rest, patch) - 1 for moment in surface]
        assert np.abs(change).max() < 0.15, spine[bone]


def test_an_animal_is_as_high_as_it_was_asked_for() -> None:
    animal = body("horse", 3)
    low, high = (rig(animal.vertices, animal.faces, 4, height) for height in (0.7, 1.4))
    np.testing.assert_allclose(high.landmarks.vertices, 2 * low.landmarks.vertices, atol=1e-9)
    np.testing.assert_allclose(high.armature.heads, 2 * low.armature.heads, atol=1e-9)
    np.testing.assert_allclose(high.weights, low.weights, atol=1e-6)


def test_a_posed_surface_stands_where_the_animal_is() -> None:
    landmarks = rigged("cow").landmarks
    surface = stand(landmarks.vertices / landmarks.scale + (3.0, 1.0, -2.0), landmarks)
    np.testing.assert_allclose(surface, landmarks.vertices, atol=1e-9)
