"""Draws docs/methods/smplify.jpg: people fitted to seventeen landmarks, cows to those read from their photos.

PYTHONPATH=. python docs/fitted_bodies.py docs/methods/smplify.jpg

A person has the landmarks that are shown, the fitted body over them, then the true and the fitted body from two other
sides. A cow has what docs/animals.jpg shows.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from pictures import draw_row

from benchmarks.smplify import SEEN, photograph_people
from models.core.category import Category
from models.embedded.human_poses import sample_poses
from models.geometry.body import load_body
from models.geometry.cameras import look_at
from models.geometry.kinematics import rodrigues
from models.geometry.mesh import Mesh
from models.methods.base import Setting
from models.methods.smplify.config import SmplifyConfig
from models.methods.smplify.model import BodyFitter
from models.rendering.deferred import Surface, render
from models.rendering.reference import Reference
from models.rendering.types import Light
from models.truth.held_out import HeldOutConfig, held_out
from storage.formats.pictures import jpeg

PX, CPU, PEOPLE, COWS = 144, torch.device("cpu"), 3, (2, 5, 7)
SIDES = (0.6, 2.2)


def draw_people() -> list[UInt8[np.ndarray, "size width 3"]]:
    """People of the first seed of the benchmark."""
    body = load_body("weights/bodies/human")
    generator = torch.Generator().manual_seed(1001)
    poses = sample_poses(PEOPLE, body.hinges, generator)
    observed, _ = photograph_people(body, 1, poses)
    fit = BodyFitter.of(body).fit(observed)
    poses[:, 0] = 0
    fitted = body.posed(fit.shape, rodrigues(fit.angles)).vertices
    shape = torch.randn(PEOPLE, body.shapes, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)
    true = body.posed(shape, rodrigues(poses)).vertices
    known = [body.landmarks.index(name) for name in SEEN]
    rows = []
    for row in range(PEOPLE):
        dots = np.full((PX, PX, 3), 255, np.uint8)
        columns = ((observed.points[row, known] + 1) / 2 * PX).round().long().clamp(2, PX - 3)
        for x, y in columns.tolist():
            dots[y - 2 : y + 3, x - 2 : x + 3] = (200, 40, 40)
        over = draw(Mesh(fitted[row : row + 1], body.faces), fit.camera[row : row + 1])
        over[dots[..., 1] < 255] = (200, 40, 40)
        views = [
            draw(Mesh(vertices[row : row + 1] - vertices[row].mean(0), body.faces), turned)
            for side in SIDES
            for turned in (look_at(torch.tensor([side]), torch.tensor([0.15]), 5.5),)
            for vertices in (true, fitted)
        ]
        blank = np.full((PX, PX, 3), 255, np.uint8)
        rows.append(np.concatenate([dots, over, *views, *[blank] * 4], 1))
    return rows


def draw(mesh: Mesh, camera: object) -> UInt8[np.ndarray, "size size 3"]:
    """Grey on white."""
    light = Light(torch.tensor([[0.3, 0.6, 0.74]]), torch.tensor([0.4]), torch.tensor([0.6]))
    grey = Surface(mesh, mesh.vertices[0][None], lambda points, image: torch.full_like(points, 0.75))
    picture = render(Reference(), grey, camera, light, PX)  # pyright: ignore[reportArgumentType]
    mask = picture.mask[0, ..., None]
    return ((picture.rgb[0] * mask + 1 - mask) * 255).round().clamp(0, 255).byte().numpy()


def draw_cows() -> list[UInt8[np.ndarray, "size width 3"]]:
    """Held-out cows."""
    category = Category(name="cow", segment_as=("cow",))
    model = SmplifyConfig().load({}, Setting(category, CPU, Reference(), lambda part: part.build(CPU)))
    examples = held_out("cow", HeldOutConfig(scenes=max(COWS) + 1, photo=256, size=PX, turns=()))
    return [draw_row(model, examples[number].crop) for number in COWS]


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    Path(sys.argv[1]).write_bytes(jpeg(np.concatenate(draw_people() + draw_cows())))
