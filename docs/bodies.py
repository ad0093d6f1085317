"""The bodies that ship in `weights/bodies`.

python docs/bodies.py cow      distilled from what the taught quadruped makes of photos; also horse, sheep, ...
python docs/bodies.py human    from the CC0 phenotypes of the package `anny`, which nothing else needs: install it with
                               `pip install --no-deps anny==0.6.2 roma` in an environment of its own
"""

import sys
from pathlib import Path
from typing import cast

import numpy as np
import torch

from models.core.weights import REPOSITORY
from models.data.crops import collate
from models.data.framing import crop_animal
from models.embedded.animal_body import distil_animal_body
from models.embedded.body_fitting import fit_regressor, fit_shapes, keep_strongest, merge_skin
from models.embedded.human_poses import JOINTS, PARENTS, hinge_axes, sample_poses
from models.embedded.photo_set import load_pictures, render_pictures
from models.geometry.body import ParametricBody, save_body
from models.geometry.decimation import decimate
from models.geometry.kinematics import INFLUENCES
from models.truth.barnyard.rig import KEYPOINTS
from models.truth.barnyard.species import SpeciesName
from tasks.inference.loading import embedded_recipe, start

ANIMALS, PEOPLE, SHAPES, POSES = 240, 300, 10, 1000
FACES = 16_000
PX = 128
ADULT = {
    "gender": (0, 1),
    "age": (0.55, 0.9),
    "muscle": (0, 1),
    "weight": (0, 1),
    "height": (0, 1),
    "proportions": (0, 1),
}
BONES = {
    "root": "pelvis", "spine05": "spine1", "spine03": "spine2", "spine02": "spine3", "neck01": "neck", "head": "head",
    "upperleg01": "hip", "lowerleg01": "knee", "foot": "ankle", "toe1-1": "foot", "clavicle": "collar",
    "upperarm01": "shoulder", "lowerarm01": "elbow", "wrist": "wrist", "finger3-1": "hand",
}  # fmt: skip
"""Bones of `anny` at whose heads the joints are; `.L` is left."""
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


def make_animal(species: SpeciesName, photos: Path) -> tuple[ParametricBody, str]:
    """A species of the barnyard, by individuals that are not held out; their photos are rendered where they are not."""
    render_pictures(photos, ANIMALS, PX, species=(species,))
    pictures = load_pictures(photos, ANIMALS, species=(species,))
    crops = [crop_animal(image, part > 0, PX) for image, part in zip(pictures.image, pictures.part, strict=True)]
    known = torch.zeros(len(crops), len(KEYPOINTS), 2)
    for row, crop in enumerate(crops):
        pixels = (pictures.keypoints[row, :, :2] + 1) / 2 * PX - (crop.box.left, crop.box.top)
        known[row] = torch.from_numpy(pixels / crop.box.width * 2 - 1)
    recipe = embedded_recipe()
    model, size = start(recipe, "cpu"), recipe.method.resolution
    starts = range(0, len(crops), 16)
    answers = [model.predict(collate(crops[first : first + 16], size, torch.device("cpu"))) for first in starts]
    body, share = distil_animal_body(answers, known, KEYPOINTS, SHAPES)  # pyright: ignore[reportArgumentType]
    return body, f"{ANIMALS} animals, {100 * share:.2f} % of their variance"


def make_human() -> tuple[ParametricBody, str]:
    """Adults of both sexes and of every build."""
    import anny  # pyright: ignore[reportMissingImports]

    model, random = anny.Anny(), np.random.default_rng(0)
    vertices, heads = [], []
    for _ in range(PEOPLE):
        build = {name: torch.tensor([random.uniform(*ends)]).float() for name, ends in ADULT.items()}
        person = model(phenotype_kwargs=build)
        # Their z is up and they face -y.
        for kept, points in ((vertices, person["vertices"]), (heads, person["bone_poses"][..., :3, 3])):
            x, y, z = points[0].detach().numpy().T
            kept.append(np.stack((x, z, -y), 1))
    joint_of = _joint_of_bones(list(model.bone_labels), list(model.bone_parents))
    joints = np.stack(heads)[:, _first(joint_of, list(model.bone_labels))].astype(np.float32)
    return _assemble(
        np.stack(vertices).astype(np.float32),
        joints,
        merge_skin(model.dense_vertex_bone_weights.numpy(), joint_of, len(JOINTS)),
        model.faces.numpy(),
    )


def _joint_of_bones(labels: list[str], parents: list[int]) -> np.ndarray:
    """The joint that stands for each bone: its own, or that of the nearest bone above that has one."""
    joint_of: list[int] = []
    for label, parent in zip(labels, parents, strict=True):
        name = _joint(label)
        joint_of.append(JOINTS.index(name) if name else joint_of[parent])
    return np.array(joint_of)


def _joint(label: str) -> str | None:
    bone, _, side = label.partition(".")
    if bone.startswith("finger"):
        bone = "finger3-1"
    name = BONES.get(bone)
    return f"{'left' if side == 'L' else 'right'}_{name}" if name and side else name


def _first(joint_of: np.ndarray, labels: list[str]) -> list[int]:
    """The bone at whose head each joint is."""
    own = {
        _joint(label): index for index, label in reversed(list(enumerate(labels))) if label.partition(".")[0] in BONES
    }
    return [own[name] for name in JOINTS]


def _assemble(
    vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray, faces: np.ndarray
) -> tuple[ParametricBody, str]:
    if faces.shape[1] == 4:
        faces = np.concatenate((faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]))
    kept, faces = decimate(vertices.mean(0), faces.astype(np.int64), FACES)
    vertices, weights = vertices[:, kept], keep_strongest(weights[kept], INFLUENCES).astype(np.float32)
    mean, directions, share = fit_shapes(vertices, SHAPES)
    regressor = fit_regressor(joints, vertices)
    hinges = hinge_axes(torch.from_numpy(regressor @ mean))
    body = ParametricBody(
        template=torch.from_numpy(mean),
        shape_directions=torch.from_numpy(directions).float(),
        joint_regressor=torch.from_numpy(regressor),
        keypoint_regressor=torch.from_numpy(_face(mean, weights[:, JOINTS.index("head")])),
        weights=torch.from_numpy(weights),
        faces=torch.from_numpy(faces),
        hinges=hinges,
        poses=sample_poses(POSES, hinges, torch.Generator().manual_seed(0)),
        joints=JOINTS,
        parents=PARENTS,
        keypoints=FACE,
    )
    centred = (vertices - mean).reshape(len(vertices), -1)
    basis = np.linalg.qr(directions.reshape(-1, SHAPES))[0]
    left = (centred - centred @ basis @ basis.T).reshape(*vertices.shape)
    errors = [1000 * np.linalg.norm(part, axis=-1).mean() for part in (left, regressor @ vertices - joints)]
    return body, f"{PEOPLE} people, {100 * share:.3f} % of variance, {errors[0]:.2f} mm, joints {errors[1]:.2f} mm"


def _face(mean: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Nose: the foremost point of the head. Eyes: a little above it, to the sides. Ears: its sides at that height."""
    on_head = head > 0.9
    nose = mean[np.where(on_head, mean[:, 2], -np.inf).argmax()]
    width = np.ptp(mean[on_head & (np.abs(mean[:, 1] - nose[1] - 0.03) < 0.02), 0]) / 2
    points = [nose, *(nose + (side * 0.032, 0.04, -0.02) for side in (1, -1))]
    points += [np.array((side * width, nose[1] + 0.02, nose[2] - 0.11)) for side in (1, -1)]
    nearest = [np.where(on_head, np.linalg.norm(mean - point, axis=1), np.inf).argmin() for point in points]
    return np.eye(len(mean), dtype=np.float32)[nearest]


def main(name: str, photos: str = "data/barnyard") -> None:
    """Make one body and say how well it holds what it was made from."""
    torch.set_num_threads(1)
    body, numbers = make_human() if name == "human" else make_animal(cast(SpeciesName, name), Path(photos))
    file = REPOSITORY / "weights" / "bodies" / name / "body.safetensors"
    save_body(body, Path(file), {"license": "CC0-1.0" if name == "human" else "MIT"})
    size = f"{len(body.template)} vertices, {len(body.faces)} faces, {file.stat().st_size / 1e6:.2f} MB"
    sys.stdout.write(f"{name}: {size}; {numbers}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
