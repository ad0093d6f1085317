import io
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from models.data.columns import (
    ARTICULATION,
    CAMERA,
    COLUMNS,
    KEYPOINTS,
    MESH,
    VIEWS,
    ArticulationColumn,
    CameraColumn,
    DerivedColumn,
    KeypointColumn,
    MeshColumn,
    ViewsColumn,
    derived_extensions,
)
from models.metrics.silhouette import iou

RANDOM = np.random.default_rng(0)


def real(*shape, kind=np.float32):
    return RANDOM.standard_normal(shape).astype(kind)


def byte(*shape):
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


def coin(*shape):
    return RANDOM.random(shape) > 0.5


FOV = np.array(0.436, np.float32)
CONTENTS = {
    CAMERA: CameraColumn(real(4, 4), FOV),
    MESH: MeshColumn(real(7, 3), real(7, 3), np.array([[0, 1, 2], [4, 5, 6]], np.int32)),
    ARTICULATION: ArticulationColumn(real(5, 3), real(5, 2, 3), real(7, 5)),
    VIEWS: ViewsColumn(
        byte(2, 8, 8, 3), byte(2, 8, 8, 3), coin(2, 8, 8), real(2, 8, 8, kind=np.float16),
        real(2, 8, 8, 3, kind=np.float16), real(2, 4, 4), FOV,
    ),
    KEYPOINTS: KeypointColumn(real(6, 2), coin(6), np.arange(6, dtype=np.int32)),
}  # fmt: skip
every = pytest.mark.parametrize("column", CONTENTS, ids=lambda column: column.name)


def test_every_derived_column_is_tried_here():
    assert set(CONTENTS) == {column for column in COLUMNS.values() if isinstance(column, DerivedColumn)}
    assert len({column.extension for column in COLUMNS.values()}) == len(COLUMNS)


@every
def test_what_is_written_is_read_to_the_bit(column):
    again = column.decode(column.encode(CONTENTS[column]), "0123").estimate
    for field in fields(again):
        read, written = getattr(again, field.name), getattr(CONTENTS[column], field.name)
        assert read.dtype == written.dtype and read.shape == written.shape and (read == written).all()


@every
def test_the_same_arrays_are_the_same_bytes_however_they_lie_in_memory(column):
    content = CONTENTS[column]
    turned = replace(content, **{f.name: np.array(getattr(content, f.name), order="F") for f in fields(content)})
    assert column.encode(content) == column.encode(turned)


@every
def test_it_says_whose_answer_it_is(column):
    assert column.decode(column.encode(CONTENTS[column]), "0123").model == "0123"


@pytest.mark.parametrize(
    ("column", "changes", "complaint"),
    [
        (CAMERA, {"fov": np.array(0.4)}, "column cam: fov is float64 of shape .*; it has to be Float32"),
        (CAMERA, {"T_camera_world": real(3, 4)}, r"T_camera_world is float32 of shape \(3, 4\); .*4 4"),
        (MESH, {"rest": real(8, 3)}, r"rest is float32 of shape \(8, 3\); it has to be Float32.*vertices 3"),
        (KEYPOINTS, {"visible": coin(5)}, r"visible is bool of shape \(5,\)"),
        (VIEWS, {"mask": coin(3, 8, 8)}, r"mask is bool of shape \(3, 8, 8\)"),
    ],
)
def test_an_array_of_another_type_or_shape_is_refused(column, changes, complaint):
    wrong = {f.name: getattr(CONTENTS[column], f.name) for f in fields(column.kind)} | changes
    with pytest.raises(ValueError, match=complaint):
        column.decode(packed(**wrong), "0123")


def packed(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        CAMERA.encode(CONTENTS[CAMERA])[:-40],
        pickle.dumps({"fov": 1}),
        packed(fov=FOV),
        packed(fov=FOV, T_camera_world=real(4, 4), more=FOV),
        packed(fov=np.array({"a": print}, object), T_camera_world=real(4, 4)),
    ],
)
def test_what_is_torn_or_strange_is_refused(data):
    with pytest.raises(ValueError, match=r"column cam: cannot be decoded \(.*\); derive it again"):
        CAMERA.decode(data, "0123")


def test_what_would_fill_the_memory_is_refused_by_its_directory(monkeypatch):
    monkeypatch.setattr("models.data.columns.LARGEST", 100)
    with pytest.raises(ValueError, match="has [0-9]+ bytes in .*, not at most 100 in"):
        MESH.decode(MESH.encode(CONTENTS[MESH]), "0123")


def test_pseudo_truth_is_taken_for_the_truth_by_no_metric_numpy_or_torch():
    answer = VIEWS.decode(VIEWS.encode(CONTENTS[VIEWS]), "ab" * 32)
    mask = answer.estimate.mask[0]
    assert iou(mask, mask) == 1
    for use in (np.asarray, np.mean, torch.as_tensor):
        with pytest.raises((TypeError, RuntimeError)):
            use(answer)
    with pytest.raises(TypeError, match="pseudo-truth of model abababababababab is no truth to measure by"):
        np.asarray(answer)
    with pytest.raises(TypeCheckError):
        iou(answer, mask)


def test_a_derived_shard_holds_the_derived_columns_that_are_asked_for():
    assert derived_extensions(["mesh", "image", "cam", "cam"]) == ("cam.npz", "mesh.npz")
    assert derived_extensions(["mask"]) == ()
    with pytest.raises(ValueError, match="column 'depht' is unknown; choose among image, mask, cam"):
        derived_extensions(["cam", "depht"])
