"""An animal of any rest shape with the skeleton, the skin weights and the clips that are handed out.

The skeleton by which a model learns and poses stays as it is; this one is made from the rest shape when it is exported.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.spatial.transform import Rotation

from models.export.armature import Armature, build_armature
from models.export.binding import bind
from models.export.landmarks import Landmarks, measure
from models.export.limbs import Pose
from models.export.motions import GAITS, Body, Motion, find_soles, go
from models.export.photo_pose import fit_pose
from models.export.standing import graze, idle

PHOTO = "photo"
"""Name of the clip that holds the pose of the photo."""
TRAVELS = "_forward"
"""Ends the name of a clip whose root moves over the ground."""


@dataclass(frozen=True)
class Clip:
    """One animation."""

    seconds: Float[ndarray, " frames"]
    rotations: Float[ndarray, "frames bones 4"]
    """In the bones' own bind frames, as quaternions (x, y, z, w)."""
    shifts: Float[ndarray, "frames bones 3"]
    """How far each bone's head is from its place on its parent, in the parent's frame."""
    speed: float
    """How fast the ground passes below an animal that stays on the spot, in m/s; 0 where it stands."""


@dataclass(frozen=True)
class Rigging:
    """In metres: y = 0 is the ground, z = 0 midway between fore and hind feet, the head is at +z."""

    landmarks: Landmarks
    armature: Armature
    weights: Float[ndarray, "vertices bones"]

    @property
    def body(self) -> Body:
        """What motions are made for."""
        return Body(self.armature, self.landmarks, find_soles(self.landmarks, self.armature, self.weights))

    def vertices(self, pose: Pose) -> Float[ndarray, "frames vertices 3"]:
        """Linear blend skinning."""
        own = np.einsum("fbij,bj->fbi", pose.turns, self.armature.heads)
        motion = np.concatenate((pose.turns, (pose.heads - own)[..., None]), -1)
        mixed = (self.weights @ motion.reshape(*motion.shape[:2], 12)).reshape(len(motion), -1, 3, 4)
        return np.einsum("fvij,vj->fvi", mixed[..., :3], self.landmarks.vertices) + mixed[..., 3]

    def loops(self) -> dict[str, Motion]:
        """Everything it does over and over, by its name."""
        body = self.body
        return {"idle": idle(body), **{name: go(body, gait) for name, gait in GAITS.items()}, "graze": graze(body)}

    def clips(self, posed: Float[ndarray, "vertices 3"]) -> dict[str, Clip]:
        """Every loop on the spot, those that travel again with a root that does so, and the pose of the photo."""
        still = fit_pose(self.armature, self.weights, self.landmarks.vertices, posed)
        still.heads[:, 1:, 1] -= self.vertices(still)[..., 1].min()
        photo = Motion(np.array((0.0, 1.0)), Pose(np.repeat(still.turns, 2, 0), np.repeat(still.heads, 2, 0)))
        clips = {name: self._clip(motion) for name, motion in (self.loops() | {PHOTO: photo}).items()}
        return clips | {f"{name}{TRAVELS}": _travel(clip) for name, clip in clips.items() if clip.speed}

    def _clip(self, motion: Motion) -> Clip:
        parents, frames = np.array(self.armature.parents), self.armature.frames
        turns, bind = motion.pose.turns, frames[:, :3, :3]
        above = np.where((parents < 0)[:, None, None], np.eye(3), turns[:, parents])
        own = bind.swapaxes(1, 2) @ above.swapaxes(2, 3) @ turns @ bind
        shifts = np.zeros((len(turns), len(parents), 3))
        shifts[:, 1] = motion.pose.heads[:, 1] - self.armature.heads[1]
        for bone in (limb.shoulder for limb in self.armature.limbs if limb.shoulder is not None):
            parent, own_frame = parents[bone], turns[:, parents[bone]] @ bind[parents[bone]]
            offset = self.armature.heads[bone] - self.armature.heads[parent]
            slid = motion.pose.heads[:, bone] - motion.pose.heads[:, parent] - turns[:, parent] @ offset
            shifts[:, bone] = np.einsum("fij,fi->fj", own_frame, slid)
        rotations = Rotation.from_matrix(own.reshape(-1, 3, 3)).as_quat().reshape(*own.shape[:2], 4)
        return Clip(motion.seconds, rotations, shifts, motion.speed)


def rig(
    rest: Float[ndarray, "vertices 3"], faces: Int[ndarray, "faces 3"], legs: int, shoulder_height: float
) -> Rigging:
    """Skeleton and weights for a rest shape in scene units, which becomes `shoulder_height` metres high."""
    landmarks = measure(rest, legs, shoulder_height)
    armature = build_armature(landmarks)
    return Rigging(landmarks, armature, bind(landmarks, faces, armature))


def _travel(clip: Clip) -> Clip:
    """The same clip with a root that moves ahead as fast as the ground passes."""
    shifts = clip.shifts.copy()
    shifts[:, 0, 2] += clip.speed * clip.seconds
    return Clip(clip.seconds, clip.rotations, shifts, 0.0)


def stand(posed: Float[ndarray, "vertices 3"], landmarks: Landmarks) -> Float[ndarray, "vertices 3"]:
    """A posed surface in scene units as metres: its lowest point on the ground, midway where the rest shape is."""
    scaled = landmarks.scale * posed.astype(np.float64)
    middle = landmarks.vertices.mean(0) - scaled.mean(0)
    return scaled + (middle[0], -scaled[:, 1].min(), middle[2])
