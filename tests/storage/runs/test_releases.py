import re

import pytest

from storage.runs.releases import (
    ReleaseAbout,
    announce,
    promote_release,
    published_releases,
    read_promotion,
    select_release,
    select_release_of_each_method,
    stored_promotion,
)
from storage.store import bundles, files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, OtherVersion
from storage.store.layout import Store
from tests.storage.material import publish


@pytest.fixture
def store(root):
    return Store(root)


def answering(store, name="cow", **options):
    release = select_release(store, name, **options)
    return release and release.ref.run


def test_they_come_in_the_order_of_their_publishing_and_publishing_again_is_later(store) -> None:
    for run in ("b", "a", "c", "b"):
        publish(store, run)
    assert [release.ref.run for release in published_releases(store, "cow")] == ["a", "c", "b"]
    assert published_releases(store, "horse") == []


def test_the_newest_of_the_largest_scale_answers_whatever_its_name(store, caplog) -> None:
    wanted = (
        ("smoke", "paper-b"),
        ("smoke", "a"),
        ("laptop", "smoke-a"),
        ("laptop", "d"),
        ("gpu", "c"),
        ("paper", "b"),
    )
    for scale, run in wanted:
        publish(store, run, scale=scale)
        assert answering(store) == run
    assert caplog.messages == []


def test_a_later_one_of_a_smaller_scale_stands_back_is_named_and_answers_by_its_name(store, caplog) -> None:
    publish(store, "a", scale="laptop")
    publish(store, "b", scale="smoke")
    assert answering(store) == "a"
    assert caplog.messages == ["cow: release a answers; a later one is of a smaller scale, name cow/b to ask that"]
    assert answering(store, "cow/b") == "b"
    assert answering(store, "cow/c") is None and len(caplog.messages) == 1


def test_another_method_never_takes_the_place_of_the_main_one(store, caplog) -> None:
    publish(store, "ours", scale="smoke")
    publish(store, "ablation", scale="paper", method="magicpony")
    assert answering(store) == "ours"
    assert "a later one is of method magicpony, and the main one is farm3d" in caplog.messages[0]
    assert answering(store, main_method="magicpony") == "ablation"
    assert answering(store, "cow/ablation") == answering(store, "cow/magicpony") == "ablation"
    assert answering(store, "cow/farm3d") == "ours" and answering(store, "cow/smplify") is None


def test_a_category_with_releases_of_other_methods_only_has_none_that_answers(store, caplog) -> None:
    publish(store, "ablation", method="magicpony")
    assert answering(store) is None
    assert caplog.messages[0].startswith("cow: no release of farm3d answers; a later one is of method magicpony")


def test_a_promoted_release_answers_until_another_is_promoted(store) -> None:
    publish(store, "ours", scale="paper")
    publish(store, "ablation", scale="smoke", method="magicpony")
    promotion = promote_release(store, "cow/ablation", by="anna")
    publish(store, "later", scale="paper")
    assert answering(store) == answering(store, main_method="farm3d") == "ablation"
    assert read_promotion(store, "cow") == promotion and promotion.by == "anna" and promotion.at.endswith("+00:00")
    assert answering(store, "cow/ours") == "ours"
    promote_release(store, "cow/ours", by="bert")
    assert answering(store) == "ours"
    assert [release.ref.run for release in published_releases(store, "cow")] == ["ours", "ablation", "later"]


@pytest.mark.parametrize(
    ("name", "choices"), [("cow/gone", "cow/a, cow/b"), ("pig/a", "none; make one with `farm3d run pig`")]
)
def test_a_run_that_is_no_release_is_not_promoted(store, name, choices) -> None:
    publish(store, "a")
    publish(store, "b")
    run = name.partition("/")[2]
    with pytest.raises(MissingArtifact, match=f"releases: '{run}' is no release; promote one of these: {choices}"):
        promote_release(store, name, by="anna")
    assert read_promotion(store, "cow") is None


def test_of_each_method_the_promoted_release_is_chosen_else_its_newest_of_the_largest_scale(store, caplog) -> None:
    publish(store, "other", method="magicpony", scale="laptop")
    publish(store, "first", method="farm3d", scale="laptop")
    publish(store, "small", method="farm3d", scale="smoke")
    chosen = select_release_of_each_method(store, "cow")
    assert [(name, each.ref.run) for name, each in chosen.items()] == [("farm3d", "first"), ("magicpony", "other")]
    assert not caplog.records
    promote_release(store, "cow/small", by="anna")
    assert select_release_of_each_method(store, "cow")["farm3d"].ref.run == "small"
    assert select_release_of_each_method(store, "sheep") == {}


def test_a_category_alone_is_not_promoted(store) -> None:
    publish(store, "a")
    with pytest.raises(ValueError, match="'cow' names no run; type `farm3d promote cow/RUN`; its releases: cow/a"):
        promote_release(store, "cow", by="anna")


def test_a_promoted_release_that_is_gone_is_an_error_and_not_another_answer(store) -> None:
    publish(store, "a")
    promote_release(store, f"cow/{publish(store, 'b').run}", by="anna")
    files.remove(layout.member(layout.release(store.release("cow", "b")), "cow-1.glb"))
    with pytest.raises(MissingArtifact, match="promotes 'b', which is no whole release any more; promote .*: cow/a"):
        select_release(store, "cow")
    assert answering(store, "cow/a") == "a"


def test_a_torn_promotion_says_what_to_type(store) -> None:
    publish(store, "a")
    for where in stored_promotion(store, "cow").urls:
        files.put(where, b'{"version": 3, "run": 7}')
    with pytest.raises(CorruptArtifact, match=re.escape("PROMOTED: does not end with its sha256; promote a release")):
        select_release(store, "cow")


def test_what_is_not_whole_does_not_answer_and_is_told(store, caplog) -> None:
    publish(store, "a", scale="smoke")
    publish(store, "b", scale="laptop")
    files.remove(layout.member(layout.release(store.release("cow", "b")), "cow-1.glb"))
    assert answering(store) == answering(store) == "a"
    (told,) = (message for message in caplog.messages if "damaged" in message)
    assert "releases/b: is damaged and answers nobody; run its category again" in told
    assert answering(store, "cow/b") is None
    files.put(layout.bundle(layout.release(store.release("cow", "b"))), b"{")
    assert answering(store) == "a" and "releases/b: is damaged" in caplog.messages[-1]


def test_the_order_is_part_of_the_manifests_and_a_release_that_is_the_last_stays_as_it_is(store, monkeypatch) -> None:
    for run in ("b", "a"):
        publish(store, run)
    orders = [release.about.order for release in published_releases(store, "cow")]
    assert orders == [1, 2]
    monkeypatch.setattr(files, "put", lambda url, data: pytest.fail(url))
    announce(store.release("cow", "a"))


def test_a_release_of_an_older_farm3d_is_refused_in_one_sentence(store) -> None:
    publish(store, "a")
    files.put(layout.bundle(layout.release(store.release("cow", "old"))), b'{"about": {"snapshot": 1}, "files": {}}')
    with pytest.raises(
        OtherVersion, match="old/manifest.json: was written in version 1 of the store; .* reads version 3"
    ):
        select_release(store, "cow")


def test_a_release_says_how_it_was_made_and_how_good_it_is(store) -> None:
    score = {"metric": "mask IoU", "unit": "%", "better": "higher", "method": "a", "mean": 88.5, "spread": 3.0}
    scores = {"barnyard animals": [score | {"count": 24, "protocol": "input view"}]}
    publish(store, "a", scores=scores, code="git 0123", weights={"animal.safetensors": "0" * 64})
    about = bundles.read_about(layout.release(store.release("cow", "a")), ReleaseAbout)
    assert about == published_releases(store, "cow")[0].about
    assert about.scores["barnyard animals"][0].mean == 88.5 and about.code == "git 0123"
