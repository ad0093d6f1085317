from dataclasses import fields

import numpy as np
import pytest

from models.export.asset import Asset
from models.export.levels import simplify
from storage.formats.glb import glb
from tasks.inference.exported_file import load_exported
from tests.storage.tube import tube


def test_a_file_is_an_asset_again_that_can_be_written_and_simplified(tmp_path):
    animal, file = tube(), tmp_path / "cow.glb"
    file.write_bytes(glb(animal))
    asset = load_exported(file)
    assert isinstance(asset, Asset) and asset.bones == animal.bones
    np.testing.assert_allclose(asset.posed, animal.vertices, atol=1e-6)
    again = tmp_path / "again.glb"
    again.write_bytes(glb(asset))
    twice = load_exported(again)
    for part in fields(Asset):
        if part.name not in ("clips", "origin"):
            np.testing.assert_allclose(*(_numbers(getattr(each, part.name)) for each in (asset, twice)), atol=1e-5)
    assert len(simplify(asset, 240).faces) <= 240


def _numbers(value):
    is_text = isinstance(value, str) or (isinstance(value, tuple) and isinstance(value[0], str))
    return [] if value is None or is_text else list(value.values()) if isinstance(value, dict) else value


def test_another_file_is_refused(tmp_path):
    (tmp_path / "cow.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(ValueError, match=r"cow\.jpg: is no rigged animal of farm3d"):
        load_exported(tmp_path / "cow.jpg")
