"""Photos of animals that other artists modelled, with their exact surfaces: some to learn from, others to judge by.

    apt-get download 0ad-data && dpkg-deb -x 0ad-data_*.deb packages
    python benchmarks/foreign_animals.py packages elephant elephants --photos 300 --held-out 60
    farm3d category new elephant --segment-as elephant,cow --truth elephants/held-out
    farm3d run elephant --photos elephants/photos

The animals are those of the game 0 A.D. (Wildfire Games, CC-BY-SA-3.0), which stay in the folder of the unpacked Debian
package and are no part of this project: meshes, bones and movements as the game keeps them (PMD and PSA), skins as DDS.
Meshes of the judged animals are not among those that are learnt from where a species has several. Each photo shows one
individual, stretched by up to a tenth along each axis, at a moment of one of its movements, in a place of the barnyard.
"""

import argparse
import json
import struct
import zipfile
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from math import degrees, pi
from pathlib import Path

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from PIL import Image
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from models.geometry.cameras import PerspectiveCamera
from models.rendering.reference import Reference
from models.rendering.shading import shade
from models.rendering.types import Light
from models.truth.barnyard.backdrop import PLACES, cast_shadow, paint, sample_backdrop
from models.truth.barnyard.scene import frame_animal

ARCHIVE = "usr/share/games/0ad/mods/public/public.zip"
SIZE = 256
SAMPLES = 3
"""To a pixel and direction."""
HEIGHT = 2.0
"""Of an animal's box, in units of the scene: about what the barnyard's animals have."""
STRETCH = 0.1
SHADOW_POINTS = 4000
JOINT = np.dtype([("place", "<f4", 3), ("turn", "<f4", 4)])


@dataclass(frozen=True)
class Artwork:
    """One model of the game: mesh, skins and movements."""

    mesh: str
    skins: tuple[str, ...]
    movements: tuple[str, ...]


def _moves(name: str, *moments: str) -> tuple[str, ...]:
    return tuple(f"{name}_{moment}" for moment in moments)


_AFRICAN, _YOUNG = "animal-elephant-base.dds", "animal-elephant-base-baby.dds"
_IDLE = ("walk", "idle_01", "idle_02", "idle_03")
_CATTLE = _moves("bovidae", "walk_relax", "feeding", "idle_a", "idle_b", "idle_c", "idle_d")
_BEAR = _moves("bear", "walk", "run", "idle_01", "idle_02", "idle_04")
_HORSE = _moves("horse", *_IDLE, "idle_04", "idle_05", "trot")
ANIMALS = {
    "elephant": {
        "photos": (
            Artwork("elephant_african_bush", (_AFRICAN,), _moves("elephant_african_bush", *_IDLE)),
            Artwork("elephant_asian_male", ("animal-elephant-asian-base.png",), _moves("elephant_asian", *_IDLE)),
        ),
        "held-out": (
            Artwork("elephant_african_forest", (_AFRICAN,), _moves("elephant_african_forest", *_IDLE)),
            Artwork("elephant_african_baby", (_YOUNG,), _moves("elephant_infant", *_IDLE)),
        ),
    },
    "bear": {
        "photos": (Artwork("bear", ("animal_bear_black.png", "animal_bear_brown.png"), _BEAR),),
        "held-out": (Artwork("bear_polar", ("animal_bear_white.png",), _BEAR),),
    },
    "cow": {
        "photos": (
            Artwork("cattle_female_a", ("animal_cattle_black_and_white.png", "animal_cattle_beige.png"), _CATTLE),
            Artwork("cattle_male_a", ("animal_cattle_black.png",), _CATTLE),
        ),
        "held-out": (
            Artwork("cattle_female_b", ("animal_cattle_beige.png", "animal_zebu_white_and_brown.png"), _CATTLE),
            Artwork("cattle_male_b", ("animal_cattle_black.png",), _CATTLE),
        ),
    },
    "horse": {
        "photos": (
            Artwork("horse_celtic", ("horse_brown.png", "horse_gray.png", "horse_white.png"), _HORSE),
            Artwork("horse_persian", ("horse_black.png", "horse_beige.png"), _HORSE),
        ),
        "held-out": (
            Artwork("horse_lusitano", ("horse_beige.png", "horse_black.png"), _HORSE),
            Artwork("horse_marwari", ("horse_brown.png", "horse_gray.png"), _HORSE),
        ),
    },
}
"""By species: what is learnt from, and what is judged by."""


@dataclass(frozen=True)
class Model:
    """A mesh of the game in its rest pose; the game's frame is left-handed, y up, head at -z."""

    vertices: Float[ndarray, "vertices 3"]
    normals: Float[ndarray, "vertices 3"]
    uv: Float[ndarray, "vertices 2"]
    faces: Int[ndarray, "faces 3"]
    bones: Int[ndarray, "vertices 4"]
    """255 for none."""
    weights: Float[ndarray, "vertices 4"]
    rest: Float[ndarray, "bones 4 4"]


@cache
def _archive(packages: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(packages / ARCHIVE)


@cache
def read_model(packages: Path, name: str) -> Model:
    """A mesh: magic and version, sizes, then vertices, faces and bones beside each other."""
    data = _archive(packages).read(f"art/meshes/skeletal/{name}.dae.cached.pmd")
    version, count = struct.unpack_from("<4xI4xI", data)
    sets, at = (struct.unpack_from("<I", data, 16)[0], 20) if version >= 4 else (1, 16)
    parts = [
        ("place", "<f4", 3),
        ("normal", "<f4", 3),
        ("uv", "<f4", (sets, 2)),
        ("bone", "u1", 4),
        ("weight", "<f4", 4),
    ]
    vertices = np.frombuffer(data, np.dtype(parts), count, at)
    at += vertices.nbytes
    faces = np.frombuffer(data, "<u2", 3 * struct.unpack_from("<I", data, at)[0], at + 4).reshape(-1, 3)
    at += 4 + faces.nbytes
    rest = np.frombuffer(data, JOINT, struct.unpack_from("<I", data, at)[0], at + 4)
    place, normal, weight = (vertices[part].astype(float) for part in ("place", "normal", "weight"))
    uv, bones = vertices["uv"][:, 0].astype(float), vertices["bone"].astype(int)
    return Model(place, normal, uv, faces.astype(int), bones, weight, _motions(rest))


@cache
def read_movement(packages: Path, name: str) -> Float[ndarray, "frames bones 4 4"]:
    """Where each bone is at each moment of a movement."""
    data = _archive(packages).read(f"art/animation/quadraped/{name}.dae.cached.psa")
    at = 20 + struct.unpack_from("<I", data, 12)[0]
    bones, frames = struct.unpack_from("<II", data, at)
    return _motions(np.frombuffer(data, JOINT, bones * frames, at + 8)).reshape(frames, bones, 4, 4)


@cache
def read_skin(packages: Path, name: str) -> Float[ndarray, "height width 3"]:
    """A texture, RGB in [0, 1]."""
    data = _archive(packages).read(f"art/textures/skins/skeletal/{name}.cached.dds")
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")) / 255


def _motions(joints: ndarray) -> Float[ndarray, "joints 4 4"]:
    motions = np.tile(np.eye(4), (len(joints), 1, 1))
    motions[:, :3, :3] = Rotation.from_quat(joints["turn"]).as_matrix()
    motions[:, :3, 3] = joints["place"]
    return motions


@dataclass(frozen=True)
class Subject:
    """An individual at a moment, in our frame: y up, head at +z, standing on the ground, about the origin."""

    mesh: trimesh.Trimesh
    normals: Float[ndarray, "vertices 3"]
    uv: Float[ndarray, "vertices 2"]
    skin: Float[ndarray, "height width 3"]


def pose_model(packages: Path, artwork: Artwork, random: np.random.Generator) -> Subject:
    """An individual of this artwork at some moment."""
    model = read_model(packages, artwork.mesh)
    movement = read_movement(packages, str(random.choice(artwork.movements)))
    moment = movement[int(random.integers(len(movement)))]
    bones = min(len(moment), len(model.rest))
    motions = moment[:bones] @ np.linalg.inv(model.rest[:bones])
    weights = np.where(model.bones < bones, model.weights, 0)
    skinning = (weights[..., None, None] * motions[np.minimum(model.bones, bones - 1)]).sum(1)
    skinning /= weights.sum(1)[:, None, None]
    vertices = np.einsum("vij,vj->vi", skinning[:, :3, :3], model.vertices) + skinning[:, :3, 3]
    normals = np.einsum("vij,vj->vi", skinning[:, :3, :3], model.normals)
    stretch = random.uniform(1 - STRETCH, 1 + STRETCH, 3) * (1, 1, -1)
    vertices, normals = vertices * stretch, normals / stretch
    low, high = vertices.min(0), vertices.max(0)
    vertices = (vertices - (low + high) / 2) * (HEIGHT / (high - low)[1])
    skin = read_skin(packages, str(random.choice(artwork.skins)))
    mesh = trimesh.Trimesh(vertices, model.faces[:, ::-1], process=False)
    return Subject(mesh, normals / np.linalg.norm(normals, axis=1, keepdims=True), model.uv, skin)


def sample_camera(subject: Subject, random: np.random.Generator) -> PerspectiveCamera:
    """Any azimuth, a little below to a little above the animal, its box as large in the picture as the barnyard's."""
    azimuth, elevation = random.uniform(-pi, pi), np.radians(random.uniform(-2, 25))
    return frame_animal(subject.mesh.vertices, azimuth, elevation, random.uniform(0.78, 0.92), random.uniform(-1, 1, 2))


def photograph(
    subject: Subject, camera: PerspectiveCamera, random: np.random.Generator
) -> tuple[UInt8[ndarray, "size size 3"], UInt8[ndarray, "size size"]]:
    """The photo, and how much of each pixel is animal."""
    direction = torch.tensor([random.uniform(-0.8, 0.8), 0.5, random.uniform(-0.1, 1)], dtype=torch.float32)
    unit = torch.nn.functional.normalize(direction, dim=0)[None]
    ambient, diffuse = random.uniform(0.45, 0.65), random.uniform(0.45, 0.7)
    light = Light(unit, torch.tensor([ambient]).float(), torch.tensor([diffuse]).float())
    turn = camera.T_camera_world[0, :3, :3].numpy()
    vertices, ground = np.asarray(subject.mesh.vertices), float(subject.mesh.vertices[:, 1].min())
    renderer, fine = Reference(), SIZE * SAMPLES
    faces = torch.from_numpy(np.asarray(subject.mesh.faces))
    fragments = renderer.rasterize(camera.to_clip(torch.from_numpy(vertices).float()[None]), faces, fine)
    parts = np.concatenate((subject.normals @ turn.T, subject.uv, np.ones((len(vertices), 1))), 1)
    seen = renderer.interpolate(torch.from_numpy(parts).float()[None], fragments, faces)[0].flatten(0, -2)
    facing = seen[:, :3] * torch.where(seen[:, 2:3] < 0, -1.0, 1.0)
    shading = shade(torch.nn.functional.normalize(facing, dim=-1)[None], light)[0, :, None].numpy()
    rgba = np.concatenate((_look_up(subject.skin, seen[:, 3:5].numpy()) * shading, np.ones_like(shading)), 1)
    rgba = (rgba * seen[:, 5:6].numpy()).reshape(SIZE, SAMPLES, SIZE, SAMPLES, 4).mean((1, 3))
    seed = int(random.integers(2**31))
    points = np.asarray(trimesh.sample.sample_surface(subject.mesh, SHADOW_POINTS, seed=seed)[0])
    shadow = cast_shadow(points, ground, unit[0].numpy() @ turn)
    place = sample_backdrop(str(random.choice(PLACES)), ground, shadow, random)
    behind = paint(place, turn, camera.position[0].numpy(), camera.fov, SIZE)
    photo = rgba[..., :3] + behind * (1 - rgba[..., 3:])
    return tuple((each.clip(0, 1) * 255).round().astype(np.uint8) for each in (photo, rgba[..., 3]))


def _look_up(skin: Float[ndarray, "height width 3"], uv: Float[ndarray, "points 2"]) -> Float[ndarray, "points 3"]:
    """Bilinear; the picture repeats, its first row is at v = 1."""
    height, width = skin.shape[:2]
    cells = ((1 - uv[:, 1]) * height - 0.5, uv[:, 0] * width - 0.5)
    return np.stack([map_coordinates(skin[..., i], cells, order=1, mode="grid-wrap") for i in range(3)], 1)


def write_photo(folder: Path, name: str, packages: Path, artwork: Artwork, seed: int, *, with_truth: bool) -> None:
    """A photo and its mask; with its truth also the posed surface and the camera's azimuth."""
    random = np.random.default_rng((seed, *artwork.mesh.encode()))
    subject = pose_model(packages, artwork, random)
    camera = sample_camera(subject, random)
    photo, mask = photograph(subject, camera, random)
    Image.fromarray(photo).save(folder / f"{name}.png")
    Image.fromarray(mask).save(folder / f"{name}.mask.png")
    if with_truth:
        subject.mesh.export(folder / f"{name}.ply")
        azimuth = degrees(float(camera.azimuth[0]))
        (folder / f"{name}.json").write_text(json.dumps({"azimuth": round(azimuth, 2)}))


def main() -> None:
    """Writes the two folders of a species."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="folder of unpacked Debian packages")
    parser.add_argument("species", choices=sorted(ANIMALS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--held-out", type=int, default=60)
    arguments = parser.parse_args()
    for part, count in (("photos", arguments.photos), ("held-out", arguments.held_out)):
        folder = arguments.out / part
        folder.mkdir(parents=True, exist_ok=True)
        artworks = ANIMALS[arguments.species][part]
        for number in range(count):
            artwork = artworks[number % len(artworks)]
            name = f"{arguments.species}-{number:03}"
            write_photo(folder, name, arguments.packages, artwork, number, with_truth=part == "held-out")


if __name__ == "__main__":
    main()
