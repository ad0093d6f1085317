"""Bodies in the format of SMPL (Loper et al. 2015): a template, directions of shape, joints that it gives, a tree.

A body of shape b and pose R has the vertices W(T + S b + P vec(R - 1), J (T + S b), R): linear blend skinning about the
joints of its own shape. Rotations are about axes parallel to the object frame. Only the format is SMPL's.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.core.errors import MissingWeights
from models.core.weights import locate, report_missing_weights
from models.geometry.kinematics import INFLUENCES, blend, joint_motions
from models.geometry.mesh import Mesh


@dataclass(frozen=True)
class ParametricBody:
    """One kind of body. Shapes are counted in standard deviations of the bodies that it was made from."""

    template: Float[Tensor, "vertices 3"]
    """The mean shape in its rest pose."""
    shape_directions: Float[Tensor, "vertices 3 shapes"]
    joint_regressor: Float[Tensor, "joints vertices"]
    """Joints from the vertices of an unposed body; rows sum to 1."""
    keypoint_regressor: Float[Tensor, "keypoints vertices"]
    """Points that pictures show, from the vertices of a posed body; rows sum to 1."""
    weights: Float[Tensor, "vertices joints"]
    """How much each joint carries each vertex: not negative, rows sum to 1."""
    faces: Int[Tensor, "faces 3"]
    hinges: Float[Tensor, "joints 3"]
    """The axis about which a joint bends one way alone; zero for every other joint."""
    poses: Float[Tensor, "poses joints 3"]
    """Poses that are plausible, as axis times angle; the turn of the root is none."""
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of the joint that carries each joint, earlier than its own; -1 for the root, which is the first."""
    keypoints: tuple[str, ...]
    pose_directions: Float[Tensor, "vertices 3 corrections"] | None = None
    """What each entry of R - 1 of the joints but the root adds before skinning; None where that is nothing."""

    @property
    def shapes(self) -> int:
        """How many numbers make a shape."""
        return self.shape_directions.shape[-1]

    def shaped(self, shape: Float[Tensor, "batch shapes"]) -> Float[Tensor, "batch vertices 3"]:
        """Vertices in the rest pose."""
        return self.template + (self.shape_directions.flatten(0, 1) @ shape.mT).mT.unflatten(1, (-1, 3))

    def rest_joints(self, shape: Float[Tensor, "batch shapes"]) -> Float[Tensor, "batch joints 3"]:
        """Joints in the rest pose."""
        return self.joint_regressor @ self.shaped(shape)

    def posed(self, shape: Float[Tensor, "batch shapes"], rotations: Float[Tensor, "batch joints 3 3"]) -> "Posed":
        """Vertices and joints in a pose."""
        rest = self.shaped(shape)
        joints = self.joint_regressor @ rest
        motions = joint_motions(joints, self.parents, rotations)
        if self.pose_directions is not None:
            change = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1)
            rest = rest + (self.pose_directions @ change.mT).movedim(-1, 0)
        moved = (motions[..., :3, :3] @ joints[..., None])[..., 0] + motions[..., :3, 3]
        return Posed(blend(rest, self.weights.expand(len(shape), -1, -1), motions), moved)

    def mesh(self, vertices: Float[Tensor, "batch vertices 3"]) -> Mesh:
        """A surface of these vertices."""
        return Mesh(vertices, self.faces)

    @property
    def landmarks(self) -> tuple[str, ...]:
        """Names of the points that `landmarks_of` gives."""
        return self.joints + self.keypoints

    def landmarks_of(self, posed: "Posed") -> Float[Tensor, "batch landmarks 3"]:
        """Joints, then keypoints."""
        return torch.cat((posed.joints, self.keypoint_regressor @ posed.vertices), 1)

    def skeletal(self, surface: Int[Tensor, " chosen"] | None = None) -> "ParametricBody":
        """The same joints and keypoints without the rest of the surface: quick to pose.

        Its vertices are one for each joint, at the joint, those that keypoints are read from, and at last those of
        `surface`.
        """
        named = (self.keypoint_regressor.abs().sum(0) > 0).nonzero()[:, 0]
        read = named if surface is None else torch.cat((named, surface))
        joints, kept = len(self.joints), len(read)
        corrections = self.pose_directions
        return replace(
            self,
            template=torch.cat((self.joint_regressor @ self.template, self.template[read])),
            shape_directions=torch.cat(
                (torch.einsum("jv,vxs->jxs", self.joint_regressor, self.shape_directions), self.shape_directions[read])
            ),
            joint_regressor=torch.eye(joints, joints + kept).to(self.template),
            keypoint_regressor=torch.nn.functional.pad(self.keypoint_regressor[:, named], (joints, kept - len(named))),
            weights=torch.cat((torch.eye(joints).to(self.weights), self.weights[read])),
            faces=self.faces[:0],
            pose_directions=None
            if corrections is None
            else torch.cat((corrections.new_zeros(joints, *corrections.shape[1:]), corrections[read])),
        )

    def to(self, kind: torch.device | torch.dtype) -> "ParametricBody":
        """The same body on another device or in another precision."""
        parts: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        dtype = kind if isinstance(kind, torch.dtype) else None
        moved = {
            name: part.to(kind if dtype is None or part.is_floating_point() else part.dtype)
            for name, part in parts.items()
            if isinstance(part, Tensor)
        }
        return replace(self, **moved)


@dataclass(frozen=True)
class Posed:
    """A batch of bodies in their poses."""

    vertices: Float[Tensor, "batch vertices 3"]
    joints: Float[Tensor, "batch joints 3"]


def check_body(body: ParametricBody) -> None:
    """Raises ValueError for what no body can be, naming the part."""
    count, joints = len(body.template), len(body.joints)
    sizes = {
        "shape_directions": (body.shape_directions.shape[:2], (count, 3)),
        "joint_regressor": (body.joint_regressor.shape, (joints, count)),
        "keypoint_regressor": (body.keypoint_regressor.shape, (len(body.keypoints), count)),
        "weights": (body.weights.shape, (count, joints)),
        "hinges": (body.hinges.shape, (joints, 3)),
        "poses": (body.poses.shape[1:], (joints, 3)),
        "parents": ((len(body.parents),), (joints,)),
    }
    for name, (size, wanted) in sizes.items():
        if tuple(size) != wanted:
            raise ValueError(f"{name} is {tuple(size)}; a body of {count} vertices and {joints} joints needs {wanted}")
    if len(set(body.landmarks)) < len(body.landmarks):
        raise ValueError(f"joints and keypoints {body.landmarks} have a name twice; give each its own")
    if any(parent >= joint or (parent < 0) != (joint == 0) for joint, parent in enumerate(body.parents)):
        raise ValueError(f"parents are {body.parents}; the root comes first with -1, and each other after its parent")
    if body.weights.min() < 0 or (body.weights.sum(1) - 1).abs().max() > 1e-5:
        raise ValueError("weights are negative, or rows that do not sum to 1")
    if len(body.faces) and not 0 <= int(body.faces.min()) <= int(body.faces.max()) < count:
        raise ValueError(f"faces name vertices up to {int(body.faces.max())} of {count}")


def save_body(body: ParametricBody, file: Path, about: dict[str, str]) -> None:
    """Write a body; directions in half precision, the skin as the four strongest joints of each vertex."""
    from safetensors.torch import save_file

    check_body(body)
    value, index = body.weights.topk(min(INFLUENCES, len(body.joints)), 1)
    tensors = {
        "template": body.template,
        "shape_directions": body.shape_directions.half(),
        "skin_joint": index.to(torch.uint8),
        "skin_share": value,
        "faces": body.faces.int(),
        "hinges": body.hinges,
        "poses": body.poses.half(),
    }
    if body.pose_directions is not None:
        tensors["pose_directions"] = body.pose_directions.half()
    for name in ("joint_regressor", "keypoint_regressor"):
        sparse = getattr(body, name).to_sparse()
        tensors |= {f"{name}_index": sparse.indices().int(), f"{name}_value": sparse.values()}
    words = {
        "joints": " ".join(body.joints),
        "parents": " ".join(map(str, body.parents)),
        "keypoints": " ".join(body.keypoints),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: part.contiguous() for name, part in tensors.items()}, file, about | words)


def load_body(model: str) -> ParametricBody:
    """A body that `save_body` wrote: a file, or a folder that has it as `body.safetensors`.

    Raises MissingWeights where it is absent or broken, or is no body.
    """
    from safetensors import safe_open

    file = Path(model) if model.endswith(".safetensors") else Path(locate(model)) / "body.safetensors"
    if not file.is_file():
        raise MissingWeights(f"{model}: there is no {file.name}; give a body, such as weights/bodies/human")
    with report_missing_weights(model, "the body"), safe_open(file, "pt") as opened:
        parts = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
        words = {name: tuple(text.split()) for name, text in (opened.metadata() or {}).items()}
        body = _assemble(parts, words)
        check_body(body)
    return body


def _assemble(parts: dict[str, Tensor], words: dict[str, tuple[str, ...]]) -> ParametricBody:
    joints, keypoints, count = words["joints"], words["keypoints"], len(parts["template"])
    shares = parts["skin_share"] / parts["skin_share"].sum(1, keepdim=True)

    def dense(name: str, rows: int) -> Float[Tensor, "rows vertices"]:
        index, value = parts[f"{name}_index"].long(), parts[f"{name}_value"]
        return torch.sparse_coo_tensor(index, value, (rows, count), check_invariants=True).to_dense()

    corrections = parts.get("pose_directions")
    return ParametricBody(
        template=parts["template"],
        shape_directions=parts["shape_directions"].float(),
        joint_regressor=dense("joint_regressor", len(joints)),
        keypoint_regressor=dense("keypoint_regressor", len(keypoints)),
        weights=torch.zeros(count, len(joints)).scatter(1, parts["skin_joint"].long(), shares),
        faces=parts["faces"].long(),
        hinges=parts["hinges"],
        poses=parts["poses"].float(),
        joints=joints,
        parents=tuple(int(parent) for parent in words["parents"]),
        keypoints=keypoints,
        pose_directions=None if corrections is None else corrections.float(),
    )
