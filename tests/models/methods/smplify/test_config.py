from dataclasses import replace

import pytest
import torch

from models.core.category import Category, Skeleton
from models.core.errors import MissingWeights
from models.methods.base import Setting
from models.methods.smplify.config import BodiesConfig, SmplifyConfig
from models.methods.smplify.model import FitConfig
from models.rendering.reference import Reference

CPU = torch.device("cpu")
SETTING = Setting(Category(name="cow", segment_as=("cow",)), CPU, Reference(), lambda part: part.build(CPU))
SHORT = SmplifyConfig(fit=FitConfig(iterations=2, sides=2, starts=1))


def category(name: str, **changes: object) -> Setting:
    return replace(SETTING, category=Category.model_validate({"name": name, "segment_as": ("cow",), **changes}))


def test_it_trains_nothing_and_answers_with_the_body_of_the_category():
    assert SHORT.stages() == () and not SHORT.needs.columns
    answerer = SHORT.load({}, SETTING)
    assert "fore_spine_1" in answerer.body.joints and answerer.reading.names == answerer.body.keypoints


def test_a_category_without_a_body_says_how_to_make_one():
    with pytest.raises(MissingWeights, match="has no body of pig, but of .*cow.*python docs/bodies.py pig"):
        SHORT.load({}, category("pig"))


def test_a_body_of_another_skeleton_is_refused():
    with pytest.raises(ValueError, match="the body of cow is of another skeleton: it has no fore_spine_5"):
        SHORT.load({}, category("cow", skeleton=Skeleton(body_bones=10)))
    with pytest.raises(ValueError, match="the body of human is of another skeleton"):
        SHORT.load({}, category("human"))


def test_an_absent_folder_of_bodies_is_seen_before_any_work(tmp_path):
    BodiesConfig().check_available("cpu")
    with pytest.raises(MissingWeights):
        BodiesConfig(model=str(tmp_path / "none")).check_available("cpu")
    assert BodiesConfig().digest() == BodiesConfig().build(CPU).digest
