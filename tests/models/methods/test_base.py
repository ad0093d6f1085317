"""Every member of the union is a method, and so is one that trains nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch

from models.core.category import Category
from models.core.config import Config
from models.data.batch import Batch
from models.data.columns import PseudoTruth
from models.data.crops import Crops
from models.engine.loop import NoCheckpoints, Summary, no_report
from models.geometry.mesh import Mesh
from models.methods import methods
from models.methods.base import Artifact, Method, Needs, Setting, Stage, StageContext
from models.rendering.reconstruction import Reconstructor
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.rendering.test_reconstruction import TRIANGLE, Meshes

CATEGORY = Category(name="cow", segment_as=("cow",))
SETTING = Setting(CATEGORY, CPU, Reference(), lambda part: part)
SCALES = ("smoke", "laptop", "gpu", "paper")
EVERY = [(name, scale) for name in methods() for scale in SCALES]


class Triangle(Config):
    """A method of its own: answers with one triangle, as large as its one stage has found the animals to be."""

    kind: str = "triangle"
    trained: bool = False

    @property
    def needs(self) -> Needs:
        return Needs()

    @property
    def resolution(self) -> int:
        return 8

    @property
    def parts(self) -> Mapping[str, object]:
        return {}

    @classmethod
    def preset(cls, scale: str, own_photos: bool = False, from_nothing: bool = False) -> "Triangle":
        return cls()

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("size", 1, (), self.measured),) if self.trained else ()

    def measured(self, context: StageContext) -> Artifact:
        masks = [torch.from_numpy(context.samples[row].mask).float() for row in range(len(context.samples))]
        return Artifact({"size": torch.stack(masks).mean()}, Summary(1, 0, {"loss": 0.0}))

    def load(self, artifacts: Mapping[str, Artifact], setting: Setting) -> "Answer":
        return Answer(artifacts["size"].tensors["size"] if artifacts else torch.tensor(1.0))


class Answer:
    """What `Triangle` loads."""

    def __init__(self, size: torch.Tensor) -> None:
        self.size = size

    def predict(self, batch: Batch) -> Meshes:
        return Meshes((Mesh(TRIANGLE.vertices * self.size, TRIANGLE.faces),) * len(batch))


def test_a_method_needs_nothing_but_the_three_verbs() -> None:
    method, photos = Triangle(), Crops([crop(0)], 8, CPU).batch(torch.tensor([0]))
    assert isinstance(method, Method) and not method.stages()
    reconstructor = method.load({}, SETTING)
    assert isinstance(reconstructor, Reconstructor)
    assert torch.equal(reconstructor.predict(photos).mesh(0).vertices, TRIANGLE.vertices)


def no_column(name: str) -> Sequence[PseudoTruth]:
    raise KeyError(name)


def test_the_artifacts_of_the_stages_are_what_load_answers_by() -> None:
    method = Triangle(trained=True)
    samples = [crop(seed) for seed in range(2)]
    context = StageContext(
        **vars(SETTING), samples=samples, checkpoints=NoCheckpoints(), report=no_report, artifacts={}, columns=no_column
    )
    artifacts: dict[str, Artifact] = {}
    for stage in method.stages():
        artifacts[stage.name] = stage.run(replace(context, artifacts=artifacts))
    photos = Crops(samples, 8, CPU).batch(torch.arange(2))
    vertices = method.load(artifacts, SETTING).predict(photos).mesh(1).vertices
    assert torch.equal(vertices, TRIANGLE.vertices * 16 / 64)


def test_no_processes_share_a_stage_that_does_not_say_how_many_images_it_computes_at_once() -> None:
    assert Stage("shape", 10, (), lambda context: {}).batch == 1


def test_half_a_method_is_none() -> None:
    class Half(Config):
        kind: str = "half"

        def stages(self) -> tuple[Stage, ...]:
            return ()

    assert not isinstance(Half(), Method)


@pytest.mark.parametrize("name", methods())
def test_a_member_of_the_union_stands_under_its_tag(name: str) -> None:
    member = methods()[name]
    assert isinstance(member(), Method)
    assert member().kind == name
    assert re.fullmatch(r"[a-z][a-z0-9]*", name), "the name of a flow"


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_a_preset_survives_the_server(name: str, scale: str) -> None:
    config = methods()[name].preset(scale)
    assert type(config).model_validate_json(config.model_dump_json()) == config
    assert config.kind == name


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_its_stages_can_be_told_apart_and_its_parts_named(name: str, scale: str) -> None:
    config = methods()[name].preset(scale)
    names = [stage.name for stage in config.stages()]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[a-z][a-z0-9_]*", each) for each in names)
    assert all(stage.steps >= 1 for stage in config.stages())
    assert set(config.needs.releases) <= set(methods()) - {name}
    assert all(hash(part) == hash(part) and isinstance(part.digest(), str) for part in config.parts.values())


@pytest.mark.parametrize("name", methods())
def test_a_larger_scale_never_learns_for_a_shorter_time_or_from_smaller_crops(name: str) -> None:
    configs = [methods()[name].preset(scale) for scale in SCALES]
    for size in (lambda c: c.resolution, lambda c: sum(stage.steps for stage in c.stages())):
        values = [size(config) for config in configs]
        assert values == sorted(values)
