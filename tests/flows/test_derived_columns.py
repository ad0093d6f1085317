from types import SimpleNamespace

import pytest

from flows import derived_columns as module
from flows.derived_columns import derive
from flows.plan import plan as plans
from flows.plan.plan import check_needs
from models.methods.base import Needs
from storage.store.layout import Store
from storage.store.references import DerivedRef, digest

RELEASE = SimpleNamespace(ref=SimpleNamespace(category="cow", run="laptop-1"))


@pytest.fixture
def asked(monkeypatch):
    """The shards that were distilled, each with what was told of it."""
    asked = []

    def submit(*arguments):
        return SimpleNamespace(result=lambda: asked.append(arguments))

    monkeypatch.setattr(module, "distil", SimpleNamespace(submit=submit))
    monkeypatch.setattr(module, "select_release", lambda store, category: RELEASE)
    monkeypatch.setattr(module, "derived_recipe", lambda crops, release, columns: [release.ref.run, *columns])
    monkeypatch.setattr(module.snapshots, "read", lambda crops: SimpleNamespace(shards=("first", "second")))
    monkeypatch.setattr(module.snapshots, "shard", lambda crops, pinned: f"{pinned} shard")
    return asked


def plan(tmp_path, *columns):
    needs = SimpleNamespace(columns=columns)
    category, method = SimpleNamespace(name="cow"), SimpleNamespace(needs=needs)
    return SimpleNamespace(store=Store(str(tmp_path)), category=category, method=method, device="cpu")


def test_a_method_that_learns_from_photos_and_masks_alone_derives_nothing(asked, tmp_path):
    assert derive(plan(tmp_path), Store(str(tmp_path)).dataset("cow", 1)) is None
    assert asked == []


def test_every_shard_is_distilled_by_the_release_that_answers(asked, tmp_path):
    store = Store(str(tmp_path))
    crops, recipe = store.dataset("cow", 1), ["laptop-1", "depth"]
    assert derive(plan(tmp_path, "depth"), crops) == DerivedRef(crops=crops, digest=digest(recipe))
    model = store.model("cow", "laptop-1")
    assert asked == [(f"{name} shard", recipe, model, "cpu") for name in ("first", "second")]


def needing(store, **needs):
    """A plan whose method needs this; only what is asked of it."""
    method = SimpleNamespace(kind="toy", needs=Needs(**needs))
    return SimpleNamespace(method=method, store=store, category=SimpleNamespace(name="cow"), scale="smoke")


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ({"columns": ("smell",)}, "method toy needs column 'smell', which nothing makes; known: "),
        (
            {"columns": ("mesh",)},
            "method toy learns from columns mesh, which are distilled from a release of cow, and .* has none; "
            f"make one with `prefect deployment run {plans.MAIN_METHOD}/cow -p scale=smoke`",
        ),
        (
            {"releases": ("icon",)},
            "method toy needs a release of icon for cow, and .* has none; "
            "make one with `prefect deployment run icon/cow -p scale=smoke`",
        ),
    ],
)
def test_what_a_method_needs_and_cannot_have_is_named_before_any_work(store, needs, message):
    with pytest.raises(ValueError, match=message):
        check_needs(needing(store, **needs))
