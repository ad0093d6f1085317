"""Runs the flow of each toy method on a folder of photos: `python -m tests.toy_methods.run ROOT PHOTOS METHOD ...`.

The members of the union are added before anything else is imported: the one line that a method needs outside of its
folder.
"""

import sys
from typing import Annotated

from pydantic import Field

import models.methods
from tests.toy_methods.duel import DuelConfig
from tests.toy_methods.echo import EchoConfig
from tests.toy_methods.ellipsoid import EllipsoidConfig
from tests.toy_methods.pupil import PupilConfig

KNOWN = models.methods.Farm3DConfig | models.methods.MagicPonyConfig
models.methods.MethodConfig = Annotated[
    KNOWN | DuelConfig | EchoConfig | EllipsoidConfig | PupilConfig, Field(discriminator="kind")
]


def main(root, photos, *methods):
    from flows import farm3d
    from flows.plan.plan import PlanChanges
    from storage.runs.releases import promote_release
    from storage.store.layout import Store

    changes = PlanChanges.model_validate(
        {"own_photos": {"folder": photos}, "scenes": 2, "evaluation": {"chamfer": {"icp_points": 50, "points": 100}}}
    )
    for method in methods:
        release = getattr(farm3d, method)(category="cow", scale="smoke", root=root, changes=changes)
        if method == "ellipsoid":
            promote_release(Store(root), f"cow/{release.run}", "the toys")


if __name__ == "__main__":
    main(*sys.argv[1:])
