"""One individual: the average of its species warped by its `Build`, meshed, labelled and bound to the rig."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import radians

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from models.truth.barnyard.average import Average
from models.truth.barnyard.cow import cow
from models.truth.barnyard.deer import deer
from models.truth.barnyard.dog import dog
from models.truth.barnyard.donkey import donkey
from models.truth.barnyard.goat import goat
from models.truth.barnyard.horse import horse
from models.truth.barnyard.llama import llama
from models.truth.barnyard.noise import waves
from models.truth.barnyard.pig import pig
from models.truth.barnyard.rig import BONES, DOCK, FORE, HEAD, HIND, KEYPOINTS, OPPOSITE, PART
from models.truth.barnyard.sheep import sheep
from models.truth.barnyard.solids import Solid, half_mesh, mirror_mesh
from models.truth.barnyard.species import Build, sample_build

NOSE_TO_TAIL = 4.0
"""Length of every animal from nose to tail base, scene units."""
FORWARD_SHIFT = 0.25
"""The origin lies this far in front of the torso's centre, towards the middle of the whole animal."""
SPACING = 0.08
"""Edge of a marching-cubes cell: about 9,000 faces."""
_AVERAGES: dict[str, Callable[[], Average]] = {
    "cow": cow,
    "horse": horse,
    "sheep": sheep,
    "pig": pig,
    "goat": goat,
    "deer": deer,
    "dog": dog,
    "donkey": donkey,
    "llama": llama,
}
ToScene = Callable[[Float[ndarray, "*points 3"], int], Float[ndarray, "*points 3"]]
"""From coordinates of the average animal to those of an individual, for what belongs to a bone."""
SOFTNESS = 0.05
"""Distance over which neighbouring bones share a vertex."""


@dataclass(frozen=True)
class Body:
    """A rest animal, symmetric in x; feet down, head at +z."""

    category: str
    build: Build
    vertices: Float[ndarray, "vertices 3"]
    faces: Int[ndarray, "faces 3"]
    part: Int[ndarray, " vertices"]
    """Index into `rig.PARTS`."""
    weights: Float[ndarray, "vertices bones"]
    joints: Float[ndarray, "bones 3"]
    keypoints: Int[ndarray, " keypoints"]
    """Vertex of each of `rig.KEYPOINTS`."""
    partner: Int[ndarray, " vertices"]
    """Mirror image of each vertex."""
    relief: Float[ndarray, " vertices"]
    """Height of the fleece in [0, 1]; 1 on bare skin."""
    wool: Bool[ndarray, " vertices"]
    normals: Float[ndarray, "vertices 3"]
    """Unit normals at rest."""


def _turn(degrees: float, axis: int) -> Float[ndarray, "3 3"]:
    c, s = np.cos(radians(degrees)), np.sin(radians(degrees))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


@dataclass(frozen=True)
class Warp:
    """The maps that turn the average animal into an individual, one per group of bones."""

    build: Build
    joints: Float[ndarray, "bones 3"]
    """Of the average animal."""

    @property
    def stretch(self) -> Float[ndarray, " 3"]:
        """Of the torso along each axis."""
        return np.array((self.build.width, self.build.depth, self.build.length))

    @property
    def tilt(self) -> Float[ndarray, "3 3"]:
        """Turn of neck and head."""
        return _turn(-self.build.neck_raise_deg, 0)

    def __call__(self, points: Float[ndarray, "*points 3"], bone: int) -> Float[ndarray, "*points 3"]:
        """Points of the average that belong to a bone, on this individual."""
        build, joints = self.build, self.joints
        if bone == HEAD:
            return self(joints[HEAD], HEAD - 1) + (points - joints[HEAD]) * build.head @ self.tilt.T
        if 4 <= bone < HEAD:
            root = joints[4]
            thickness = np.array((build.width, 1, 1))
            return root * self.stretch + (points - root) * thickness * build.neck @ self.tilt.T
        if FORE <= bone < DOCK:
            root = joints[FORE if bone < HIND else HIND]
            shift = np.array((0, 0, (build.length - 1) * root[2]))
            return points * np.array((build.width, build.legs, 1)) + shift
        if bone >= DOCK:
            return joints[DOCK] * self.stretch + (points - joints[DOCK]) * np.array((1, build.tail, 1))
        return points * self.stretch

    def thickness(self, solid: Solid) -> float:
        """How much thicker this individual's solid is than the average's."""
        build, bone = self.build, solid.bone
        by_part = {"tail": build.hair, "mane": build.hair, "muzzle": build.head * build.muzzle, "hoof": build.bone}
        if solid.part in by_part:
            return by_part[solid.part]
        if bone == HEAD:
            return build.head
        if FORE <= bone < DOCK:
            return build.depth if (bone - FORE) % 3 == 0 and solid.radii[0] > 0.22 else build.bone
        return (build.depth + build.width) / 2

    def appendage(self, solid: Solid, base: Float[ndarray, " 3"]) -> Solid:
        """Ears, horns and udder grown, shrunk and turned about their base."""
        build = self.build
        if solid.part == "ear":
            turn, size, thick = _turn(build.ear_raise_deg, 2), build.ears, build.ears
        elif solid.part == "horn":
            turn, size, thick = _turn(build.horn_curl_deg, 0), build.horns, 0.6 + 0.4 * build.horns
        elif solid.part == "udder":
            turn, size, thick = np.eye(3), 1.0, build.udder
        else:
            return replace(solid, fluff=solid.fluff * build.hair)
        return solid.transform(lambda p: base + (p - base) * size @ turn.T, thick)


def _shape_individual(build: Build, average: Average) -> tuple[list[Solid], ToScene, float]:
    """Solids in scene units, the map from species to scene coordinates, and its overall scale."""
    warp = Warp(build, average.joints)
    nose = warp(np.array(average.landmarks["nose"]), HEAD)[2]
    scale = NOSE_TO_TAIL / (nose - warp(average.joints[DOCK], DOCK)[2])

    def to_scene(points: ndarray, bone: int) -> ndarray:
        return (warp(points, bone) * scale - (0, 0, FORWARD_SHIFT)).astype(np.float32)

    absent = {part for part, size in (("horn", build.horns), ("udder", build.udder)) if size == 0}
    bases: dict[str, ndarray] = {}
    solids = []
    for solid in average.solids:
        if solid.part in absent:
            continue
        grown = warp.appendage(solid, bases.setdefault(solid.part, solid.start))
        thick = warp.thickness(solid) * scale
        solids.append(
            replace(grown.transform(lambda p, b=solid.bone: to_scene(p, b), thick), blend=solid.blend * scale)
        )
    return solids, to_scene, scale


def _ball(
    centre: Float[ndarray, " 3"], radius: float, rings: int = 5, sides: int = 8
) -> tuple[Float[ndarray, "vertices 3"], Int[ndarray, "faces 3"]]:
    """A closed sphere, poles along x."""
    polar, around = np.linspace(0, np.pi, rings + 1), np.arange(sides) * 2 * np.pi / sides
    p, a = np.meshgrid(polar, around, indexing="ij")
    points = np.stack((np.cos(p), np.sin(p) * np.cos(a), np.sin(p) * np.sin(a)), -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rings), np.arange(sides), indexing="ij")
    a, b = i * sides + j, i * sides + (j + 1) % sides
    quads = np.stack((a, a + sides, b + sides, b), -1).reshape(-1, 4)
    faces = np.concatenate((quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]))
    return (centre + radius * points).astype(np.float32), faces


def _bind(
    points: Float[ndarray, "points 3"], solids: list[Solid]
) -> tuple[Float[ndarray, "points bones"], Int[ndarray, " points"], Int[ndarray, " points"]]:
    """Skinning weights, part and owning solid of surface points, by nearness to the solids."""
    distance = np.stack([solid.distance(points) - 0.7 * solid.fluff for solid in solids], -1)
    near = np.exp(-(distance - distance.min(-1, keepdims=True)) / SOFTNESS)
    weights = near @ np.eye(len(BONES), dtype=np.float32)[[solid.bone for solid in solids]]
    owner = distance.argmin(-1)
    part = np.array([PART[solid.part] for solid in solids])[owner]
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32), part, owner


@lru_cache(maxsize=16)
def body(category: str, seed: int) -> Body:
    """The individual of this seed: same seed, same animal."""
    random = np.random.default_rng((seed, *category.encode()))
    build = sample_build(category, random)
    average = _AVERAGES[category]()
    solids, to_scene, scale = _shape_individual(build, average)
    billow = waves(random, 15.0 / build.hair, 40)

    def fleece(points: ndarray) -> ndarray:
        return np.minimum(np.abs(billow(points)), 1.6) / 1.6

    half, faces = half_mesh(solids, SPACING, fleece)
    weights, part, owner = _bind(half, solids)
    wool = np.array([solid.fluff > 0 for solid in solids])[owner]
    relief = np.where(wool, fleece(half), 1).astype(np.float32)
    for (centre, radius), name in ((average.eye, "eye"), (average.nostril, "nostril")):
        surface = half[np.linalg.norm(half - to_scene(np.array(centre), HEAD), axis=-1).argmin()]
        ball, ball_faces = _ball(surface - np.array((0.3, 0, 0.3), np.float32) * radius * scale, radius * scale)
        faces = np.concatenate((faces, ball_faces + len(half)))
        half = np.concatenate((half, ball))
        weights = np.concatenate((weights, np.tile(np.eye(len(BONES), dtype=np.float32)[HEAD], (len(ball), 1))))
        part = np.concatenate((part, np.full(len(ball), PART[name])))
        relief, wool = (
            np.concatenate((relief, np.ones(len(ball), np.float32))),
            np.concatenate((wool, np.zeros(len(ball), bool))),
        )
    return _mirror_half(category, build, _Half(half, faces, weights, part, relief, wool), average, to_scene)


@dataclass(frozen=True)
class _Half:
    """The surface at x >= 0, and what belongs to its vertices."""

    vertices: Float[ndarray, "half 3"]
    faces: Int[ndarray, "half_faces 3"]
    weights: Float[ndarray, "half bones"]
    part: Int[ndarray, " half"]
    relief: Float[ndarray, " half"]
    wool: Bool[ndarray, " half"]


def _mirror_half(category: str, build: Build, half: _Half, average: Average, to_scene: ToScene) -> Body:
    """Both halves, with right limbs bound to right bones."""
    sole = half.vertices[half.part == PART["hoof"], 1].min() + 0.05
    half.vertices[:, 1] = np.maximum(half.vertices[:, 1], sole)
    vertices, faces, partner = mirror_mesh(half.vertices, half.faces)
    source = np.where(np.arange(len(vertices)) < len(half.vertices), np.arange(len(vertices)), partner)
    right = vertices[:, 0] < 0
    weights = np.where(right[:, None], half.weights[source][:, OPPOSITE], half.weights[source])
    part = half.part[source].copy()
    for leg in ("fore_leg", "hind_leg"):
        part[right & (part == PART[f"left_{leg}"])] = PART[f"right_{leg}"]
    joints = np.stack([to_scene(average.joints[bone], bone) for bone in range(len(BONES))])
    keypoints = _keypoints(average, to_scene, vertices, partner)
    return Body(
        category=category,
        build=build,
        vertices=vertices,
        faces=faces,
        part=part,
        weights=weights,
        joints=joints,
        keypoints=keypoints,
        partner=partner,
        relief=half.relief[source],
        wool=half.wool[source],
        normals=normals(vertices, faces),
    )


def normals(vertices: Float[ndarray, "vertices 3"], faces: Int[ndarray, "faces 3"]) -> Float[ndarray, "vertices 3"]:
    """Unit normals: the area-weighted mean of the adjacent faces."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    flat = faces.T.ravel()
    total = np.stack([np.bincount(flat, np.tile(across[:, i], 3), len(vertices)) for i in range(3)], -1)
    return (total / (np.linalg.norm(total, axis=-1, keepdims=True) + 1e-12)).astype(np.float32)


_LANDMARK_BONE = {"withers": 3, "tail_base": 0, "throat": 5}
"""The bone that a landmark moves with; that of the others follows from their names."""


def _keypoints(
    average: Average, to_scene: ToScene, vertices: Float[ndarray, "vertices 3"], partner: Int[ndarray, " vertices"]
) -> Int[ndarray, " keypoints"]:
    """The vertex nearest to each landmark; right ones are mirror images."""
    indices: list[int] = []
    for name in KEYPOINTS:
        if name.startswith("right"):
            indices.append(int(partner[indices[-1]]))
            continue
        bone = FORE + 1 if "fore" in name or "knee" in name else HIND + 1 if "hind" in name or "hock" in name else HEAD
        target = to_scene(np.array(average.landmarks[name]), _LANDMARK_BONE.get(name, bone))
        indices.append(int(np.linalg.norm(vertices - target, axis=-1).argmin()))
    return np.array(indices)
