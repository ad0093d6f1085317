import pytest

from storage.runs import releases
from storage.store import bundles, files, layout
from storage.store.layout import Store


@pytest.fixture
def store(root):
    return Store(root)


def published(store, *runs):
    for run in runs:
        release = store.release("cow", run)
        bundles.commit(layout.release(release), {"cow-1.glb": b"a cow"}, {"snapshot": 1})
        releases.announce(release)


def test_they_come_in_the_order_of_their_publishing_and_publishing_again_is_later(store) -> None:
    published(store, "laptop-b", "laptop-a", "laptop-c", "laptop-b")
    assert [each.run for each in releases.published(store, "cow")] == ["laptop-a", "laptop-c", "laptop-b"]
    assert releases.published(store, "horse") == []


def test_the_newest_of_the_largest_scale_answers(store, caplog) -> None:
    wanted = ("smoke-b", "smoke-a"), ("laptop-a",), ("laptop-c", "laptop-b"), ("gpu-a",), ("paper-a",)
    for runs in wanted:
        published(store, *runs)
        assert releases.wanted(store, "cow").run == runs[-1]
    assert caplog.messages == []


def test_a_later_one_of_a_smaller_scale_stands_back_is_told_and_answers_by_its_name(store, caplog) -> None:
    published(store, "laptop-a", "smoke-b")
    assert releases.wanted(store, "cow").run == "laptop-a"
    (said,) = caplog.messages
    assert said == "cow: release laptop-a answers; a later one is of a smaller scale, name cow/smoke-b to ask that"
    assert releases.wanted(store, "cow/smoke-b").run == "smoke-b"
    assert releases.wanted(store, "cow/smoke-c") is None and len(caplog.messages) == 1


def test_a_name_without_a_scale_stands_back(store) -> None:
    published(store, "smoke-a", "mine", "smoked-b")
    assert releases.wanted(store, "cow").run == "smoke-a"


def test_what_is_not_whole_does_not_answer(store) -> None:
    published(store, "smoke-a", "laptop-a")
    files.remove(layout.member(layout.release(store.release("cow", "laptop-a")), "cow-1.glb"))
    assert releases.wanted(store, "cow").run == "smoke-a"
    assert releases.wanted(store, "cow/laptop-a") is None


def test_of_a_store_from_before_the_one_that_it_names_is_the_last(store) -> None:
    published(store, "laptop-b", "laptop-a", "laptop-c")
    files.put(layout.published(store.root, "cow"), b"laptop-b")
    assert releases.published(store, "cow")[-1].run == "laptop-b"
