from pathlib import Path

import pytest

from flows.cli.paths import local_path


def test_a_path_is_a_path_whatever_its_letters():
    assert local_path("a::b.glb") == Path("a::b.glb") and local_path("C:/x") == Path("C:/x")


@pytest.mark.parametrize("typed", ["s3://farm/out/cow.glb", "file:///tmp/cow.glb", "https://farm/cow.glb"])
def test_an_address_is_refused(typed):
    with pytest.raises(ValueError, match="is an address; give a path on this machine"):
        local_path(typed)
