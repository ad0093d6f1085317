import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from storage.dataset.encoding import Sample, decode_sample, encode_sample
from storage.store.errors import CorruptArtifact
from tests.storage.material import row, sample


def stored(seed: int = 1) -> Sample:
    made = sample(seed)
    return replace(made, row=made.row.model_copy(update={"width": 16, "height": 16}))


def test_a_sample_comes_back() -> None:
    made = replace(stored(), columns={"cam.npz": b"a camera"})
    again = decode_sample(made.row, encode_sample(made), "a.tar")
    assert np.array_equal(again.mask, made.mask)
    assert again.mask.dtype == bool
    assert np.abs(again.image.astype(int) - made.image).max() <= 3
    assert again.image.dtype == np.uint8
    assert again.columns == made.columns


def test_a_sample_may_have_no_mask_or_no_picture_at_all() -> None:
    made = replace(stored(), mask=None)
    assert decode_sample(made.row, encode_sample(made), "a.tar").mask is None
    assert encode_sample(replace(made, image=None)) == {}
    only = Sample(made.row, columns={"cam.npz": b"a camera"})
    assert encode_sample(only) == only.columns
    assert decode_sample(made.row, encode_sample(only), "a.tar") == only


def test_the_image_keeps_all_its_colour_and_the_mask_takes_one_bit() -> None:
    members = encode_sample(stored())
    with Image.open(io.BytesIO(members["jpg"])) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
    with Image.open(io.BytesIO(members["mask.png"])) as mask:
        assert mask.mode == "1"


def test_the_valid_part_of_a_crop_is_what_lies_in_the_photo() -> None:
    # 8 px of a 32 px photo are shown as 16; 2 of them, so 4 of the crop, lie left of the photo, 3 above it
    made = replace(stored(), row=row(0, box=(-2, -3, 8, 8), width=16, height=16))
    assert not made.valid[:, :4].any()
    assert not made.valid[:6].any()
    assert made.valid[6:, 4:].all()
    whole = replace(made, row=row(0, box=None, width=16, height=16))
    assert whole.valid.all()
    assert not replace(made, row=row(0, box=(24, 24, 16, 16), width=16, height=16)).valid[8:, :].any()


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        ("jpg", b""),
        ("jpg", encode_sample(stored())["jpg"][:200]),
        ("jpg", encode_sample(stored())["mask.png"]),
        ("mask.png", encode_sample(stored())["jpg"]),
        ("mask.png", encode_sample(stored())["mask.png"][:40]),
    ],
)
def test_a_picture_that_is_not_what_its_name_says_is_refused(extension, data) -> None:
    made = stored()
    with pytest.raises(CorruptArtifact, match=f"a.tar: sample {made.row.key} cannot be decoded"):
        decode_sample(made.row, encode_sample(made) | {extension: data}, "a.tar")


def test_an_image_of_another_size_is_refused_before_it_is_decoded() -> None:
    made = stored()
    wide = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(wide, "JPEG")
    with pytest.raises(CorruptArtifact, match="JPEG is RGB of 4000 x 4000, not RGB of 16 x 16"):
        decode_sample(made.row, encode_sample(made) | {"jpg": wide.getvalue()}, "a.tar")
