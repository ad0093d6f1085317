"""SMPLify from true landmarks: people against a prior of squared angles, animals, also from landmarks that are
read from their photos, against the mean ellipsoid.

    python benchmarks/smplify.py human
    python benchmarks/smplify.py cow
    python benchmarks/smplify.py cow masks

Three seeds each, of people and animals that nothing was made from. The poses of the people come from the sampler that
the prior was fitted to, with other seeds; `off prior` turns every joint about a random axis. With `masks` animals are
fitted as the preset `laptop` does, without as the paper does.
"""

import sys
from math import pi, radians, tan
from time import process_time

import numpy as np
import torch
import trimesh

from models.core.category import Category
from models.data.crops import collate
from models.data.framing import crop_animal
from models.embedded.human_poses import sample_poses
from models.geometry.body import ParametricBody, load_body
from models.geometry.kinematics import rodrigues
from models.methods.base import Setting
from models.methods.smplify.config import SmplifyConfig
from models.methods.smplify.model import BodyFitter, FitConfig
from models.methods.smplify.state import Observed
from models.metrics.baselines import baselines
from models.metrics.chamfer import ChamferConfig, chamfer
from models.metrics.joint_error import joint_error
from models.rendering.reference import Reference
from models.truth.barnyard.rig import KEYPOINTS
from models.truth.barnyard.scene import HELD_OUT, SEEDS_PER_INDIVIDUAL, Scene, sample_scene
from models.truth.held_out import training_shapes

CPU, PX = torch.device("cpu"), 128
SEEDS, PEOPLE, ANIMALS = (1, 2, 3), 20, 10
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
SEEN = ["nose", *(f"{side}_{part}" for side in ("left", "right") for part in ("eye", "ear", *LIMBS))]
"""COCO's seventeen: what detectors of people give."""
FOV_DEG = FitConfig().fov_deg
PRIORS = {"Gaussian": FitConfig(), "L2": FitConfig(components=0)}
OFF_PRIOR = 0.35
"""Deviation of the random turns of `off prior`, in radians."""


def photograph_people(body: ParametricBody, seed: int, poses: torch.Tensor) -> tuple[Observed, torch.Tensor]:
    """Seventeen landmarks of each person in its picture, and all 24 joints in space."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.randn(len(poses), body.shapes, generator=generator).clamp(-2, 2)
    turn = torch.zeros(len(poses), 2, 3)
    turn[:, 0, 0] = radians(10) * (2 * torch.rand(len(poses), generator=generator) - 1)
    turn[:, 1, 1] = pi * (2 * torch.rand(len(poses), generator=generator) - 1)
    rotations = rodrigues(poses)
    rotations[:, 0] = rodrigues(turn[:, 0]) @ rodrigues(turn[:, 1])
    bones = body.skeletal()
    posed = bones.posed(shape, rotations)
    middle = posed.joints.mean(1, keepdim=True)
    half = tan(radians(FOV_DEG) / 2)
    landmarks = bones.landmarks_of(posed) - middle + torch.tensor((0.0, 0.0, -1.2 / half))
    points = landmarks[..., :2] * torch.tensor((1.0, -1.0)) / (-landmarks[..., 2:] * half)
    confidence = torch.tensor([float(name in SEEN) for name in body.landmarks]).expand(len(poses), -1)
    return Observed(points, confidence), posed.joints


def measure_people() -> None:
    """Mean errors in millimetres, all people of a seed together."""
    body = load_body("weights/bodies/human")
    fitters = {name: BodyFitter.of(body, config) for name, config in PRIORS.items()}
    for noise_px, off_prior in ((0.0, False), (4.0, False), (0.0, True)):
        for name, fitter in fitters.items():
            errors, misses, began = [], [], process_time()
            for seed in SEEDS:
                generator = torch.Generator().manual_seed(1000 + seed)
                poses = sample_poses(PEOPLE, body.hinges, generator)
                if off_prior:
                    poses[:, 1:] = OFF_PRIOR * torch.randn(poses[:, 1:].shape, generator=generator)
                observed, joints = photograph_people(body, seed, poses)
                # Of a picture of 384 pixels.
                noise = noise_px / 192 * torch.randn(observed.points.shape, generator=generator)
                fit = fitter.fit(Observed(observed.points + noise, observed.confidence))
                posed = fitter.body.posed(fit.shape, rodrigues(fit.angles))
                errors.append(1000 * float(joint_error(posed.joints, joints).mean()))
                misses.append(100 * float(fit.miss.mean()))
            seconds = (process_time() - began) / len(SEEDS) / PEOPLE
            report("off prior" if off_prior else f"{noise_px:g} px", name, errors, "mm", misses)
            sys.stdout.write(f"{'':10} {seconds:.2f} s of a core each\n")


def measure_animals(species: str, masks: bool) -> None:
    """Scaled Chamfer distance of the fitted animals, and of the ellipsoid."""
    setting = Setting(Category(name=species, segment_as=(species,)), CPU, Reference(), lambda part: part.build(CPU))
    model = (SmplifyConfig.preset("laptop") if masks else SmplifyConfig()).load({}, setting)
    body, config = model.body, ChamferConfig()
    ellipsoid = baselines(training_shapes(species, 24), Reference(), CPU)["mean ellipsoid"].shape
    still = as_trimesh(body.template, body.faces), as_trimesh(ellipsoid.vertices[0], ellipsoid.faces)
    scores: dict[str, list[float]] = {name: [] for name in ("true landmarks", "detected", "at rest", "mean ellipsoid")}
    misses: list[float] = []
    for seed in SEEDS:
        numbers = [HELD_OUT + ((seed - 1) * ANIMALS + row) * SEEDS_PER_INDIVIDUAL for row in range(ANIMALS)]
        scenes = [sample_scene(species, number, PX) for number in numbers]
        fit = model.fitter.fit(observe_keypoints(body, scenes))
        misses.append(100 * float(fit.miss.mean()))
        posed = body.posed(fit.shape, rodrigues(fit.angles)).vertices
        crops = [crop_animal((scene.image * 255).round().astype(np.uint8), scene.mask, PX) for scene in scenes]
        detected = model.predict(collate(crops, PX, CPU)).surface
        values: dict[str, list[float]] = {name: [] for name in scores}
        for row, scene in enumerate(scenes):
            shapes = (as_trimesh(posed[row], body.faces), as_trimesh(detected[row], body.faces), *still)
            truth = as_trimesh(scene.mesh.vertices[0], scene.mesh.faces)
            for name, shape in zip(scores, shapes, strict=True):
                values[name].append(chamfer(shape, truth, config).scaled)
        for name, kept in scores.items():
            kept.append(float(np.mean(values[name])))
    for name, kept in scores.items():
        report(species, name, kept, "", misses if name == "true landmarks" else [])
        share = np.mean(kept) / np.mean(scores["mean ellipsoid"])
        sys.stdout.write(f"{'':10} {share:.3f} x mean ellipsoid\n")


def observe_keypoints(body: ParametricBody, scenes: list[Scene]) -> Observed:
    """Where all keypoints are in the photos, hidden ones too, and the masks."""
    points = torch.zeros(len(scenes), len(body.landmarks), 2)
    known = [body.landmarks.index(name) for name in KEYPOINTS]
    points[:, known] = torch.from_numpy(np.stack([scene.keypoints_ndc for scene in scenes])).float()
    confidence = torch.zeros(points.shape[:2])
    confidence[:, known] = 1
    return Observed(points, confidence, torch.from_numpy(np.stack([scene.mask for scene in scenes])).float())


def as_trimesh(vertices: torch.Tensor, faces: torch.Tensor) -> trimesh.Trimesh:
    """For the metric."""
    return trimesh.Trimesh(vertices.numpy(), faces.numpy(), process=False)


def report(what: str, name: str, values: list[float], unit: str, misses: list[float]) -> None:
    """A line of the table."""
    seeds = ", ".join(f"{value:.4g}" for value in values)
    miss = f"; reprojection {np.mean(misses):.2f} % of the box" if misses else ""
    sys.stdout.write(f"{what:10} {name:18} {np.mean(values):.4g} {unit} ({seeds}){miss}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    subject = sys.argv[1] if len(sys.argv) > 1 else "human"
    measure_people() if subject == "human" else measure_animals(subject, "masks" in sys.argv[2:])
