from types import SimpleNamespace

import pytest

from flows.derived_columns import derive
from flows.plan import plan as plans
from flows.plan.plan import check_needs, load_plan
from models.methods.base import Needs


def needing(store, **needs):
    """A plan whose method needs this; only what is asked of it."""
    method = SimpleNamespace(kind="toy", needs=Needs(**needs))
    return SimpleNamespace(method=method, store=store, category=SimpleNamespace(name="cow"), scale="smoke")


def test_a_method_that_needs_no_column_gets_none(store):
    plan = load_plan("cow", "smoke", store.root)
    assert derive(plan, store.dataset("cow", 1)) is None


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
