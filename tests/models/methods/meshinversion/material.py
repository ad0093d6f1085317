"""A training of a few steps, made once for all tests of this folder."""

from functools import lru_cache

from models.core.category import Category
from models.engine.loop import NoCheckpoints, no_report
from models.methods.base import Setting, StageContext
from models.methods.meshinversion.config import MeshInversionConfig
from models.methods.meshinversion.model import template
from models.methods.meshinversion.state import true_lessons
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU

SMOKE = MeshInversionConfig.preset("smoke")


@lru_cache(maxsize=1)
def vit():
    return SMOKE.vit.build(CPU)


def setting(category="cow"):
    return Setting(Category(name=category, segment_as=("cow",)), CPU, Reference(), lambda part: vit())


def context(artifacts=None, **changes):
    parts = {
        "samples": (),
        "checkpoints": NoCheckpoints(),
        "report": no_report,
        "artifacts": artifacts or {},
        "columns": lambda name: [],
    }
    return StageContext(**vars(setting()) | parts | changes)


@lru_cache(maxsize=1)
def trained():
    """The artifacts of all stages."""
    artifacts = {}
    for stage in SMOKE.stages():
        artifacts[stage.name] = stage.run(context(dict(artifacts)))
    return artifacts


@lru_cache(maxsize=1)
def lessons():
    return tuple(true_lessons("cow", 3, 48))


SPHERE = template(CPU)
