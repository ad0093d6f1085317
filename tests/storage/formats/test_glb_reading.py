"""What was written is read back: the same file again, byte for byte but for the last digits of its clips."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from storage.formats.glb import glb
from storage.formats.glb_reading import ReadAsset, read_glb
from tests.storage.tube import Tube, skinned, tube

EQUAL = ("name", "faces", "bones", "parents", "origin", "texture")
NEAR = ("vertices", "normals", "uv", "T_world_bone", "weights")


@pytest.fixture
def rigged() -> Tube:
    animal = tube()
    coverage = np.arange(animal.texture[..., 0].size, dtype=np.uint8).reshape(animal.texture.shape[:2])
    sliders = {"fat": 0.1 * animal.normals, "tall": 0.2 * animal.vertices}
    return replace(animal, coverage=coverage, sliders=sliders, origin={"licence": "CC0-1.0"})


def test_a_file_is_read_back_as_it_was_written(rigged: Tube) -> None:
    animal = read_glb(glb(rigged), "cow.glb")
    assert isinstance(animal, ReadAsset)
    for name in EQUAL:
        np.testing.assert_array_equal(getattr(animal, name), getattr(rigged, name), name)
    for name in NEAR:
        np.testing.assert_allclose(getattr(animal, name), getattr(rigged, name), atol=5e-5, err_msg=name)
    np.testing.assert_array_equal(animal.coverage, rigged.coverage)
    for name, shift in rigged.sliders.items():
        np.testing.assert_allclose(animal.sliders[name], shift, atol=1e-6)


def test_its_clips_pose_it_as_before(rigged: Tube) -> None:
    animal = read_glb(glb(rigged), "cow.glb")
    assert list(animal.clips) == list(rigged.clips)
    for name, clip in rigged.clips.items():
        again = animal.clips[name]
        np.testing.assert_allclose(again.seconds, clip.seconds, atol=1e-6)
        assert again.speed == pytest.approx(clip.speed)
        for frame in range(len(clip.seconds)):
            np.testing.assert_allclose(
                skinned(animal, again.rotations[frame], again.shifts[frame]),
                skinned(rigged, clip.rotations[frame], clip.shifts[frame]),
                atol=1e-4,
            )


def test_an_animal_without_clips_sliders_or_coverage_has_none(rigged: Tube) -> None:
    animal = read_glb(glb(replace(rigged, clips={}, sliders={}, coverage=None)), "cow.glb")
    assert (animal.clips, animal.sliders, animal.coverage) == ({}, {}, None)


def _edited(data: bytes, **changes: object) -> bytes:
    size = struct.unpack_from("<I", data, 12)[0]
    text = json.dumps(json.loads(data[20 : 20 + size]) | changes).encode()
    text += b" " * (-len(text) % 4)
    return data[:12] + struct.pack("<I", len(text)) + data[16:20] + text + data[20 + size :]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: b"", "unpack"),
        (lambda data: b"solid cow" + bytes(40), "no binary glTF"),
        (lambda data: data[:200], "Unterminated|Expecting|delimiter"),
        (lambda data: data[:-400], "cannot|buffer|truncated|size"),
        (lambda data: _edited(data, asset={"version": "2.0", "generator": "another"}), "no rig of farm3d"),
        (lambda data: _edited(data, accessors=[]), "list index"),
        (lambda data: _edited(data, nodes=["x"] * 99), "has no attribute"),
    ],
)
def test_any_other_file_is_one_sentence(rigged: Tube, spoil: Callable[[bytes], bytes], said: str) -> None:
    with pytest.raises(ValueError, match=rf"cow.glb: is no rigged animal of farm3d \(.*({said}).*\); give a .glb"):
        read_glb(spoil(glb(rigged)), "cow.glb")


def test_a_quantised_file_is_refused(rigged: Tube) -> None:
    with pytest.raises(ValueError, match="its attributes are quantised"):
        read_glb(glb(rigged, quantise=True), "cow.glb")
