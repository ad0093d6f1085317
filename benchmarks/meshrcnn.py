"""Mesh R-CNN on held-out animals, beside its own voxel branch, the mean training mesh and the mean ellipsoid.

    python -m benchmarks.meshrcnn cow FOLDER

trains the `laptop` preset into FOLDER, going on from where it was stopped, and measures ten animals of each of three
seeds twice: as the table of the farm does, after the fit of the Chamfer distance, and as the paper does, in the frame
of the camera, where the mean mesh and the mean ellipsoid are given the true direction and size.
"""

import logging
import sys
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import torch
import trimesh
from jaxtyping import Float

from benchmarks.stages import train_stages
from models.core.category import Category
from models.data.batch import Batch
from models.data.crops import collate
from models.geometry.cameras import PerspectiveCamera, look_at
from models.geometry.mesh import Mesh
from models.methods.base import Setting
from models.methods.meshrcnn.config import MeshRcnnConfig
from models.methods.meshrcnn.reconstruction import MeshReconstruction, MeshReconstructor
from models.methods.meshrcnn.state import Lesson, to_world, true_lesson, voxels
from models.metrics.baselines import mean_mesh, unit
from models.metrics.chamfer import ChamferConfig, fit_to_target
from models.metrics.surface_agreement import surface_agreement
from models.rendering.reference import Reference
from models.truth.barnyard.scene import HELD_OUT, SEEDS_PER_INDIVIDUAL, sample_scene
from models.truth.held_out import training_shapes

CPU, PX = torch.device("cpu"), 128
SEEDS, ANIMALS = (1, 2, 3), 10
SHAPES = 24
"""Training animals that are averaged, as in the farm's tables."""
CHAMFER = ChamferConfig()
Numbers = dict[str, float]


def measure(category: str, trained: MeshReconstructor, seed: int) -> dict[str, list[Numbers]]:
    """Per answer one row of numbers for each animal of a seed."""
    shapes = training_shapes(category, SHAPES)
    sphere = trimesh.creation.icosphere(subdivisions=3)
    extents = np.mean([unit(shape).extents for shape in shapes], axis=0)
    ellipsoid = sphere.apply_transform(np.diag((*extents, 2.0)))
    constant = {"mean mesh": mean_mesh(shapes), "mean ellipsoid": ellipsoid}
    rows: dict[str, list[Numbers]] = {}
    for number in range(ANIMALS):
        scene = sample_scene(category, HELD_OUT + (100 * seed + number) * SEEDS_PER_INDIVIDUAL, PX)
        lesson = true_lesson(scene, trained.predictor.config.pixels)
        batch = collate([lesson.sample], trained.predictor.config.pixels, CPU)
        target = trimesh.Trimesh(scene.mesh.vertices[0].numpy(), scene.mesh.faces.numpy(), process=False)
        true_camera = look_at(torch.tensor([lesson.azimuth]), torch.tensor([lesson.elevation]))
        seen = _seen(
            Mesh(to_world(torch.from_numpy(lesson.vertices)[None], true_camera), scene.mesh.faces), true_camera
        )
        answers = {
            "Mesh R-CNN": trained.predict(batch),
            "its voxels": replace(trained, refines=False).predict(batch),
        }
        for name, answer in answers.items():
            mesh = answer.mesh(0)
            if mesh is not None:
                ours = _seen(mesh, answer.camera)
                extra = _pose(answer, true_camera) | _voxels(trained, batch, lesson)
                rows.setdefault(name, []).append(_numbers(_solid(mesh), target, ours, seen) | extra)
        for name, shape in constant.items():
            placed = _as_large_as(shape, target)
            ours = _seen(Mesh(torch.tensor(placed.vertices).float()[None], torch.tensor(placed.faces)), true_camera)
            ours.apply_scale(seen.extents.max() / _seen(scene.mesh, true_camera).extents.max())
            ours.apply_translation(seen.bounds.mean(0) - ours.bounds.mean(0))
            rows.setdefault(name, []).append(_numbers(shape, target, ours, seen))
    return rows


def _numbers(ours: trimesh.Trimesh, target: trimesh.Trimesh, seen: trimesh.Trimesh, truth: trimesh.Trimesh) -> Numbers:
    """After the fit to the target, and where the camera sees it."""
    fit = fit_to_target(ours, target, CHAMFER)
    fitted = surface_agreement(ours.copy().apply_transform(fit.motion), target, CHAMFER.points)
    straight = surface_agreement(seen, truth, CHAMFER.points)
    return {
        "chamfer": fit.chamfer.scaled,
        **{f"F1@{name}": value for name, value in zip(("0.1", "0.3", "0.5"), fitted.f1, strict=True)},
        "normals": fitted.normal_consistency,
        **{f"camera F1@{name}": value for name, value in zip(("0.1", "0.3", "0.5"), straight.f1, strict=True)},
        "camera normals": straight.normal_consistency,
    }


def _pose(answer: MeshReconstruction, true_camera: PerspectiveCamera) -> Numbers:
    cosine = (answer.camera.T_camera_world[0, 2, :3] @ true_camera.T_camera_world[0, 2, :3]).clamp(-1, 1)
    return {"camera error, degrees": float(torch.rad2deg(cosine.acos()))}


def _voxels(trained: MeshReconstructor, batch: Batch, lesson: Lesson) -> Numbers:
    predictor = trained.predictor
    with torch.no_grad():
        look = predictor.look(batch.image, batch.mask)
    known = torch.from_numpy(voxels(lesson, predictor.config.grid))
    depth = float(np.ptp(lesson.vertices[:, 2]))
    numbers = {"depth error, share": abs(float(look.depth[0]) / depth - 1)}
    for threshold in (0.2, 0.5):
        ours = look.logits[0].sigmoid() > threshold
        numbers[f"voxel IoU at {threshold}"] = 100 * float((ours & known).sum() / (ours | known).sum())
    return numbers


def _solid(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices[0].numpy(), mesh.faces.numpy(), process=False)


def _seen(mesh: Mesh, camera: PerspectiveCamera) -> trimesh.Trimesh:
    """In the frame of the camera."""
    points: Float[torch.Tensor, "1 vertices 3"] = camera.to_camera(mesh.vertices)
    return trimesh.Trimesh(points[0].numpy(), mesh.faces.numpy(), process=False)


def _as_large_as(shape: trimesh.Trimesh, target: trimesh.Trimesh) -> trimesh.Trimesh:
    """The shape with the target's volume."""
    return shape.copy().apply_scale((abs(target.volume) / abs(shape.volume)) ** (1 / 3))


def main(category: str, folder: Path) -> None:
    """Train, measure, print."""
    config = MeshRcnnConfig.preset("laptop")
    artifacts = train_stages(category, folder, config)
    setting = Setting(Category(name=category, segment_as=(category,)), CPU, Reference(), lambda part: part)
    trained, start = config.load(artifacts, setting), process_time()
    for seed in SEEDS:
        for name, rows in measure(category, trained, seed).items():
            means = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
            print(seed, name, len(rows), means, flush=True)  # noqa: T201 - what a benchmark is for
    print(f"{process_time() - start:.0f} s of a core for the numbers")  # noqa: T201 - as above


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(message)s")
    main(sys.argv[1], Path(sys.argv[2]))
