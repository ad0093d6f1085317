import numpy as np
import pytest
import torch

from models.export.body_asset import body_asset, withers_scale
from models.geometry.kinematics import blend, joint_motions
from storage.formats.glb import glb
from storage.formats.joints import matrices
from tests.models.geometry.test_body import drawn, ladder

BODY = ladder()
SHAPE, TURNS = (part[:1] for part in drawn(BODY))
ANGLES = torch.cat((torch.zeros(1, 1, 3), TURNS[:, 1:]), 1)
ASSET = body_asset(BODY, ANGLES, SHAPE, "person", 2.0)


def test_the_clip_moves_the_bind_pose_into_the_pose_of_the_picture():
    clip = ASSET.clips["photo"]
    heads = torch.from_numpy(ASSET.T_world_bone[None, :, :3, 3])
    motions = joint_motions(heads, ASSET.parents, torch.from_numpy(matrices(clip.rotations[:1])))
    motions[:, :, :3, 3] += torch.from_numpy(clip.shifts[0, 1])
    moved = blend(torch.from_numpy(ASSET.vertices)[None], torch.from_numpy(ASSET.weights)[None].double(), motions)
    assert np.abs(moved[0].numpy() - ASSET.posed).max() < 1e-5


def test_both_poses_stand_on_the_ground_and_a_root_lies_on_it():
    assert ASSET.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert ASSET.posed[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert ASSET.parents.count(-1) == 1 and not ASSET.T_world_bone[0, :3, 3].any()


def test_a_slider_at_one_is_the_body_whose_number_is_larger_by_one():
    (name, shift), *others = ASSET.sliders.items()
    larger = SHAPE.clone()
    larger[0, 0] += 1
    grown = body_asset(BODY, ANGLES, larger, "person", 2.0)
    change = grown.vertices - ASSET.vertices - shift
    assert name == "shape 1" and len(others) == BODY.shapes - 1 and np.abs(shift).max() > 1e-3
    # All of it goes up or down alike, onto the ground.
    assert np.abs(change[:, [0, 2]]).max() < 1e-5 and np.ptp(change[:, 1]) < 1e-5


def test_it_becomes_a_file():
    assert glb(ASSET).startswith(b"glTF")


def test_an_animal_is_as_high_at_the_withers_as_it_is_said_to_be():
    import dataclasses

    animal = dataclasses.replace(BODY, keypoints=("withers", "tail"))
    vertices = animal.shaped(SHAPE)[0]
    height = (animal.keypoint_regressor @ vertices)[0, 1] - vertices[:, 1].min()
    assert withers_scale(animal, SHAPE, 1.4) * float(height) == pytest.approx(1.4)
    assert withers_scale(BODY, SHAPE, 1.4) == 1
