"""Files and folders of this machine, as they are typed."""

from pathlib import Path


def local_path(typed: str) -> Path:
    """The path. Raises ValueError for an address, of which a path would lose a slash and stay on this machine."""
    if "://" in typed:
        raise ValueError(f"{typed}: is an address; give a path on this machine, and copy what is made from there")
    return Path(typed)
