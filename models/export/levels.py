"""Lighter copies of an animal for engines: fewer triangles with the same texture, bones, weights and clips."""

from dataclasses import replace

from models.export.asset import Asset
from models.geometry.decimation import decimate

FEWEST = 200
"""Triangles below which nothing is left of legs and ears."""
SHARES = {"LOD1": 0.5, "LOD2": 0.2}
"""Levels of detail by the ending of their files' names, as engines read them: shares of the triangles."""


def check_triangles(triangles: int | None) -> None:
    """Raises ValueError for a number that leaves no animal; none stands for all."""
    if triangles is not None and triangles < FEWEST:
        raise ValueError(f"triangles is {triangles}; an animal needs {FEWEST} or more: give 1000 to 20000")


def simplify(asset: Asset, triangles: int) -> Asset:
    """The animal with at most so many triangles, or with all where it has no more; the seams of its texture stay.

    Raises ValueError for a number that leaves no animal.
    """
    check_triangles(triangles)
    kept, faces = decimate(asset.vertices, asset.faces, triangles, asset.uv)
    return replace(
        asset,
        vertices=asset.vertices[kept],
        posed=asset.posed[kept],
        normals=asset.normals[kept],
        uv=asset.uv[kept],
        weights=asset.weights[kept],
        sliders={name: shift[kept] for name, shift in asset.sliders.items()},
        faces=faces,
    )


def levels(asset: Asset) -> dict[str, Asset]:
    """The lighter copies by the endings of their names."""
    return {ending: simplify(asset, max(FEWEST, round(share * len(asset.faces)))) for ending, share in SHARES.items()}
