"""Photos of one barnyard animal with everything that is true about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import pi, tan

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from numpy import ndarray
from torch import Tensor

from models.core.category import View
from models.geometry.cameras import DISTANCE, FOV, VIEW_HALF_ANGLE, PerspectiveCamera, look_at, view_word
from models.geometry.mesh import Mesh, face_normals
from models.rendering.reference import Reference
from models.rendering.shading import shade
from models.rendering.types import Light
from models.truth.barnyard.actions import ACTIONS, FREQUENCY, pose
from models.truth.barnyard.anatomy import Body, body, normals
from models.truth.barnyard.backdrop import PLACES, Backdrop, cast_shadow, paint, sample_backdrop
from models.truth.barnyard.coat import COATS, albedo
from models.truth.barnyard.rig import pose_vertices

HELD_OUT = 1_000_000
"""Seeds from here on are for evaluation only; nothing is trained on them."""
SEEDS_PER_INDIVIDUAL = 16
"""Consecutive seeds that are photos of the same individual, in other coats, poses, places and views."""
SUPERSAMPLE = 2
_ELEVATION_DEG = (-5.0, 25.0)
_LOWEST = 0.6
"""Height of the camera above the ground."""
_FILL = (0.80, 0.92)
"""Longer side of the animal's box over the photo."""


@dataclass(frozen=True)
class Animal:
    """One individual at one moment in one place, before a camera looks at it."""

    category: str
    seed: int
    body: Body
    coat: str
    action: str
    place: str
    albedo: Float[ndarray, "vertices 3"]
    vertices: Float[ndarray, "vertices 3"]
    """Posed, object frame."""
    angles: Float[ndarray, "bones 3"]
    """Bone angles, radians."""
    ground: float
    """Height of the ground."""


@dataclass(frozen=True)
class Scene:
    """One photo and its ground truth."""

    image: Float[ndarray, "size size 3"]
    """RGB in [0, 1]."""
    mask: Bool[ndarray, "size size"]
    depth: Float[ndarray, "size size"]
    """Distance along the camera's axis; 0 off the animal."""
    part: Int[ndarray, "size size"]
    """Index into `rig.PARTS`; 0 off the animal."""
    keypoints_world: Float[ndarray, "keypoints 3"]
    keypoints_ndc: Float[ndarray, "keypoints 2"]
    keypoints_visible: Bool[ndarray, " keypoints"]
    mesh: Mesh
    """Posed, object frame."""
    rest: Float[ndarray, "vertices 3"]
    albedo: Float[ndarray, "vertices 3"]
    camera: PerspectiveCamera
    light: Light
    caption: str
    category: str
    view: View
    coat: str
    action: str
    place: str
    seed: int


def _random(category: str, seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng((seed, stream, *category.encode()))


def sample_animal(category: str, seed: int) -> Animal:
    """The animal of this seed, posed and painted."""
    individual = body(category, seed // SEEDS_PER_INDIVIDUAL)
    random = _random(category, seed, 1)
    coat, place = (str(random.choice(words)) for words in (COATS[category], PLACES))
    action = ACTIONS[random.choice(len(ACTIONS), p=FREQUENCY)]
    rest_ground = float(individual.vertices[:, 1].min())
    angles = pose(action, individual.joints, individual.vertices[individual.keypoints[0]], rest_ground, random)
    vertices = pose_vertices(individual.vertices, individual.weights, individual.joints, angles)
    return Animal(
        category=category,
        seed=seed,
        body=individual,
        coat=coat,
        action=action,
        place=place,
        albedo=albedo(individual, coat, random),
        vertices=vertices,
        angles=angles,
        ground=float(vertices[:, 1].min()),
    )


def sample_light(category: str, seed: int) -> Light:
    """The light of this seed: the upper half of the camera frame, mostly from the front."""
    random = _random(category, seed, 2)
    direction = np.array((random.uniform(-0.8, 0.8), 0.5, random.uniform(-0.1, 1.0)))
    unit = (direction / np.linalg.norm(direction)).astype(np.float32)
    strength = torch.tensor([[random.uniform(0.38, 0.58)], [random.uniform(0.5, 0.75)]], dtype=torch.float32)
    return Light(torch.from_numpy(unit)[None], strength[0], strength[1])


def sample_camera(subject: Animal, view: View | None = None) -> PerspectiveCamera:
    """A camera that has the whole animal in its picture; its azimuth is uniform, or within the view word's bin."""
    random = _random(subject.category, subject.seed, 3)
    turn = random.uniform(-1, 1)
    if view is None:
        azimuth = pi * turn
    elif view == "side":
        azimuth = np.sign(turn) * (VIEW_HALF_ANGLE + abs(turn) * (pi - 2 * VIEW_HALF_ANGLE))
    else:
        azimuth = VIEW_HALF_ANGLE * turn + (pi if view == "back" else 0)
    elevation = np.radians(random.uniform(*_ELEVATION_DEG))
    fill, shift = random.uniform(*_FILL), random.uniform(-1, 1, 2)
    while True:
        camera = frame_animal(subject.vertices, azimuth, elevation, fill, shift)
        if camera.position[0, 1] > subject.ground + _LOWEST:
            return camera
        elevation += np.radians(2)


def frame_animal(
    vertices: Float[ndarray, "vertices 3"], azimuth: float, elevation: float, fill: float, shift: Float[ndarray, " 2"]
) -> PerspectiveCamera:
    """The camera from this direction in whose picture the box of the points has `fill` as its longer side.

    `shift` in [-1, 1] moves the box off the centre, at most by 0.6 of the room that is left.
    """
    angles = torch.tensor([[azimuth], [elevation]], dtype=torch.float32)
    rotation = look_at(angles[0], angles[1]).T_camera_world[0, :3, :3].numpy()
    points = vertices @ rotation.T
    move, half = np.array((0.0, 0.0, -DISTANCE)), tan(FOV / 2)
    for _ in range(6):
        moved = points + move
        ndc = moved[:, :2] / (-moved[:, 2:] * half)
        low, high = ndc.min(0), ndc.max(0)
        centre = 0.6 * shift * (1 - (high - low) / 2)
        move[:2] += (centre - (low + high) / 2) * half * -move[2]
        move[2] *= (high - low).max() / 2 / fill
    target = torch.from_numpy((-(move * (1, 1, 0)) @ rotation).astype(np.float32))[None]
    return look_at(angles[0], angles[1], float(-move[2]), target)


def photograph(subject: Animal, camera: PerspectiveCamera, light: Light, size: int) -> Scene:
    """The photo this camera takes of the animal in this light."""
    rotation = camera.T_camera_world[0, :3, :3].numpy()
    to_light = light.direction[0].numpy() @ rotation
    shadow = cast_shadow(subject.vertices, subject.ground, to_light)
    backdrop = sample_backdrop(subject.place, subject.ground, shadow, _random(subject.category, subject.seed, 4))
    mesh = Mesh(torch.from_numpy(subject.vertices)[None], torch.from_numpy(subject.body.faces))
    foreground = _render_foreground(subject, mesh, camera, light, size)
    background = _paint_backdrop(backdrop, camera, size)
    image = np.clip(foreground.rgb + background * (1 - foreground.coverage[..., None]), 0, 1).astype(np.float32)
    keypoints = subject.vertices[subject.body.keypoints]
    ndc, visible = _project_keypoints(keypoints, camera, foreground.depth)
    view = view_word(float(camera.azimuth[0]))
    name = subject.category
    return Scene(
        image=image,
        mask=foreground.depth > 0,
        depth=foreground.depth,
        part=foreground.part,
        keypoints_world=keypoints,
        keypoints_ndc=ndc,
        keypoints_visible=visible,
        mesh=mesh,
        rest=subject.body.vertices,
        albedo=subject.albedo,
        camera=camera,
        light=light,
        caption=f"a {subject.coat} {name}, {view} view, {subject.action} on {subject.place}",
        category=name,
        view=view,
        coat=subject.coat,
        action=subject.action,
        place=subject.place,
        seed=subject.seed,
    )


@dataclass(frozen=True)
class _Foreground:
    """The animal alone."""

    rgb: Float[ndarray, "size size 3"]
    """Premultiplied with the coverage."""
    coverage: Float[ndarray, "size size"]
    depth: Float[ndarray, "size size"]
    """Of the nearest of each pixel's samples; 0 off the animal."""
    part: Int[ndarray, "size size"]
    """As `depth`."""


def _render_foreground(subject: Animal, mesh: Mesh, camera: PerspectiveCamera, light: Light, size: int) -> _Foreground:
    """The animal with several samples to a pixel."""
    renderer, fine = Reference(), size * SUPERSAMPLE
    clip = camera.to_clip(mesh.vertices)
    faces = mesh.faces[_is_front_face(mesh, camera.position[0])]
    fragments = renderer.rasterize(clip, faces, fine)
    normal = torch.from_numpy(normals(subject.vertices, subject.body.faces)) @ camera.T_camera_world[0, :3, :3].T
    shading = shade(normal[None], light)[0, :, None]
    lit = torch.cat((torch.from_numpy(subject.albedo) * shading, torch.ones_like(shading)), -1)
    colour = renderer.interpolate(lit[None], fragments, faces)[0]
    colour = colour.view(size, SUPERSAMPLE, size, SUPERSAMPLE, 4).mean((1, 3)).numpy()
    samples = _samples(fragments.depth[0].numpy(), size)
    covered = colour[..., 3] >= 0.5
    nearest = np.where(samples > 0, samples, np.inf).argmin(-1)[..., None]
    depth = np.where(covered, np.take_along_axis(samples, nearest, -1)[..., 0], 0)
    face = np.take_along_axis(_samples(fragments.face[0].numpy(), size), nearest, -1)[..., 0]
    part = np.where(covered, subject.body.part[faces[:, 0].numpy()][face], 0)
    return _Foreground(colour[..., :3], colour[..., 3], depth.astype(np.float32), part)


def _is_front_face(mesh: Mesh, eye: Tensor) -> Bool[Tensor, " faces"]:
    """Faces whose outside is seen from the eye; the others of a closed mesh are hidden."""
    return (face_normals(mesh)[0] * (eye - mesh.vertices[0, mesh.faces[:, 0]])).sum(-1) > 0


def _samples(picture: Shaped[ndarray, "fine fine"], size: int) -> Shaped[ndarray, "size size samples"]:
    """The samples of every pixel of a picture that was rendered finer."""
    blocks = picture.reshape(size, SUPERSAMPLE, size, SUPERSAMPLE).swapaxes(1, 2)
    return blocks.reshape(size, size, SUPERSAMPLE**2)


def _paint_backdrop(backdrop: Backdrop, camera: PerspectiveCamera, size: int) -> Float[ndarray, "size size 3"]:
    return paint(backdrop, camera.T_camera_world[0, :3, :3].numpy(), camera.position[0].numpy(), camera.fov, size)


def _project_keypoints(
    keypoints: Float[ndarray, "keypoints 3"], camera: PerspectiveCamera, depth: Float[ndarray, "size size"]
) -> tuple[Float[ndarray, "keypoints 2"], Bool[ndarray, " keypoints"]]:
    """Where keypoints fall in the picture, and whether nothing of the animal lies in front of them."""
    points = torch.from_numpy(keypoints)[None]
    ndc, distance = camera.project(points)[0].numpy(), -camera.to_camera(points)[0, :, 2].numpy()
    size = len(depth)
    column, row = (np.clip(((ndc[:, i] + 1) * size / 2).astype(int), 0, size - 1) for i in (0, 1))
    nearest = depth[row, column]
    return ndc, (np.abs(ndc) < 1).all(-1) & ((nearest == 0) | (distance < nearest + 0.12))


def sample_scene(category: str, seed: int, size: int, *, view: View | None = None) -> Scene:
    """The photo of this seed, the same on every call."""
    subject = sample_animal(category, seed)
    return photograph(subject, sample_camera(subject, view), sample_light(category, seed), size)


def sample_scenes(category: str, seeds: Sequence[int], size: int) -> Iterator[Scene]:
    """Photos of many seeds; ascending seeds share their bodies."""
    return (sample_scene(category, seed, size) for seed in seeds)


def render_views(
    category: str, seed: int, cameras: PerspectiveCamera, size: int, light: Light | None = None
) -> list[Scene]:
    """The animal of a scene from other cameras; in its own light, or in another one."""
    subject = sample_animal(category, seed)
    lamp = sample_light(category, seed) if light is None else light
    return [photograph(subject, cameras[i : i + 1], lamp, size) for i in range(len(cameras))]
