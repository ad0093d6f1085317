"""A few true pictures, small, for the trainings."""

import pytest

from models.embedded.photo_set import Pictures, load_pictures, render_pictures


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Pictures:
    """Six photos of 64 px."""
    folder = tmp_path_factory.mktemp("few")
    render_pictures(folder, 2, 64)
    return load_pictures(folder, 2)
