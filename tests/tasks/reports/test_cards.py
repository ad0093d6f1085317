import io
import re
from collections import Counter

import pytest
import yaml
from markdown_it import MarkdownIt
from PIL import Image

from models.methods.magicpony.config import MagicPonyConfig
from models.methods.magicpony.warm_start import WarmStart
from models.methods.meshinversion.config import MeshInversionConfig
from models.methods.meshrcnn.config import MeshRcnnConfig
from models.methods.smplify.config import SmplifyConfig
from models.metrics import COPY, RELIGHTING
from storage.dataset import catalogue, snapshots
from storage.dataset.records import NEAR, Duplicates
from storage.runs.scores import START, Score
from storage.store.errors import CorruptArtifact
from tasks.inference.loading import recipe_of
from tasks.reports import cards
from tasks.reports.cards import (
    dataset_card,
    dataset_page,
    front_matter,
    lessons_in_words,
    model_card,
    parts_of,
    relighting_in_words,
    stages_in_words,
)
from tests.tasks.material import tiny_model
from tests.tasks.two_stages import FINE, ROUGH, two_stages


@pytest.fixture
def rows(crops):
    return catalogue.rows(crops)


def cells(card, start):
    line = next(line for line in card.splitlines() if line.startswith(f"| {start} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_data_card_says_what_was_dropped_and_why(crops, rows):
    card = dataset_card(snapshots.read(crops), rows)
    assert "12 crops of 32 px, kept of 16 photos. No photo was taken" in card
    assert cells(card, "blank") == ["4", "25.0%"]


def test_every_word_has_the_share_that_was_wanted_beside_what_came(crops, rows):
    card = dataset_card(snapshots.read(crops), rows)
    for word, wanted in (("front", "25.0%"), ("side", "50.0%"), ("back", "25.0%")):
        drawn, kept = (
            sum(row.view == word for row in some) / len(some) for some in (rows, [row for row in rows if row.kept])
        )
        assert cells(card, f"view: {word}") == [wanted, f"{drawn:.1%}", f"{kept:.1%}"]
    assert "place: snow" in card and "age: none" not in card


def test_a_near_duplicate_is_counted_and_the_comparison_is_told(crops, rows):
    found = snapshots.read(crops)
    config = found.duplicates.config
    left_out = found.model_copy(update={"duplicates": Duplicates(config=config, resembles={rows[1].key: rows[0].key})})
    card = dataset_card(left_out, rows)
    assert "11 crops" in card and cells(card, NEAR) == ["1", "6.2%"]
    assert "at most 4 of 64 bits of their hashes and 0.1 between their features (`weights/vit`" in card


def test_it_has_the_terms_and_the_line_back(crops, rows):
    found = snapshots.read(crops)
    card = dataset_card(found, rows)
    assert "Licence of the generator's weights:" in card and "Licence of the segmenter's weights:" in card
    assert f"Lineage: snapshot 1 has no parent; 2 shards of recipe {found.digest}" in card
    assert "snapshot 1 adds to snapshot 7;" in dataset_card(found.model_copy(update={"parent": 7}), rows)


def test_it_shows_what_was_kept_and_what_was_dropped(crops):
    page = dataset_page(crops)
    assert page.keys() == {"DATASET_CARD.md", "kept.jpg", "dropped.jpg"}
    for name in ("kept.jpg", "dropped.jpg"):
        assert f"({name})" in page["DATASET_CARD.md"].decode()
        assert Image.open(io.BytesIO(page[name])).format == "JPEG"


def test_the_data_card_of_somebodys_own_photos_names_their_digest_and_their_licence(crops, rows):
    found = snapshots.read(crops)
    own = {"kind": "folder", "size": 64, "license": "CC-BY-4.0, A. Farmer"}
    theirs = found.model_copy(
        update={"config": {**found.config, "photos": {**found.config["photos"], "generator": own}}}
    )
    card = dataset_card(theirs, rows)
    assert "Photos: a folder of somebody's own, brought to 64 px" in card and "Digest of its files: " in card
    assert "Licence of the photos: CC-BY-4.0, A. Farmer" in card
    assert "No photo was taken" not in card and "Mix of the prompts" not in card


HOSTILE = "MIT\n\n<script>alert(1)</script>\n# Forged heading\n![x](http://evil/p.png) [free](http://evil) `a` | b |"


def tags(card):
    """What a reader of the card has on the page, were HTML let through."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(card)
    return html, Counter(re.findall("<([a-z0-9]+)", html))


def test_the_words_of_others_make_nothing_on_a_card_but_words(crops, rows, monkeypatch):
    found = snapshots.read(crops)
    monkeypatch.setattr(cards, "licence", lambda model: "MIT")
    plain, hostile = (
        dataset_card(found.model_copy(update={"config": {**found.config, "photos": own}, "reasons": {reason: 4}}), rows)
        for words, reason in (("MIT", "blank"), (HOSTILE, HOSTILE))
        for own in [{**found.config["photos"], "generator": {"kind": "folder", "license": words}}]
    )
    (html, seen), (_, usual) = tags(hostile), tags(plain)
    assert seen == usual and "script" not in seen and "a" not in seen
    assert "Licence of the photos: MIT &lt;script&gt;alert(1)&lt;/script&gt; # Forged heading ![x](http://evil" in html


def test_the_words_of_others_make_nothing_on_a_model_card_but_words(crops, model):
    recipe, snapshot = recipe_of(model), snapshots.read(crops)
    licensed = recipe.model_copy(update={"category": recipe.category.model_copy(update={"license": HOSTILE})})
    (html, seen), (_, usual) = (
        tags(model_card(model, *told, [], protocol))
        for told, protocol in (((licensed, snapshot), HOSTILE), ((recipe, snapshot), "MIT"))
    )
    assert seen == usual and "Licence of the asset: MIT &lt;script&gt;" in html


def test_the_model_card_has_the_models_own_numbers_with_protocol_and_licence(crops, model, vit):
    names = {"metric": "mask IoU", "unit": "%", "better": "higher", "method": "tiny", "protocol": "input view"}
    ours = Score.model_validate(names | {"mean": 71.23456, "spread": 2.0, "count": 7})
    beside = {"unit sphere": 3.0, START: 64.5}
    scores = [ours, *(ours.model_copy(update={"method": name, "mean": mean}) for name, mean in beside.items())]
    protocol = "measured on photos; no ground truth for cow"
    card = model_card(model, tiny_model(vit), snapshots.read(crops), scores, protocol)
    assert "| mask IoU | 71.23 % | 64.5 |  | input view |" in card and "| 3 %" not in card and "CC0-1.0" in card
    assert "\nMeasured on photos; no ground truth for cow:\n" in card


@pytest.mark.parametrize(("licence", "said"), [("CC0-1.0", "cc0-1.0"), ("CC BY\nx: 1", "other"), ("", None)])
def test_a_hub_reads_licence_and_tags_at_the_head_of_a_card(licence, said):
    empty, head, rest = front_matter(licence, "polar bear: 1").split("---\n")
    known = {"tags": ["image-to-3d", "farm3d", "polar bear: 1"]} | ({"license": said} if said else {})
    assert (empty, rest) == ("", "\n") and yaml.safe_load(head) == known


def test_a_card_that_lies_in_a_folder_begins_with_what_a_hub_reads(crops):
    card = dataset_page(crops)["DATASET_CARD.md"].decode()
    assert card.startswith("---\ntags: ") and "\n\n# Data set of cow" in card


def test_the_model_card_says_how_to_use_the_model(crops, model, vit):
    card = model_card(model, tiny_model(vit), snapshots.read(crops), [], "measured on photos")
    assert f'farm3d.load("cow/{model.run}").reconstruct("photo.jpg")' in card and "CITATION.cff" in card


def test_the_model_card_names_method_stages_and_the_weights_of_the_frozen_parts(crops, model, vit):
    recipe = tiny_model(vit)
    card = model_card(model, recipe, snapshots.read(crops), [], "measured on photos")
    assert "- Method: magicpony\n- Training stages: animal, 4 steps\n" in card
    digest = vit.digest()[:16]
    assert f"- Started from: random weights\n- Vit: {vit.model} ({digest})\n" in card
    assert parts_of(recipe) == {"started from": "random weights", "vit": f"{vit.model} ({digest})"}
    warm = recipe.method.model_copy(update={"warm_start": WarmStart()})
    digests = {"vit": vit.digest(), "warm_start": "0123456789abcdef" * 4}
    quadruped = parts_of(recipe.model_copy(update={"method": warm, "weights_digests": digests}))
    assert quadruped["started from"] == "weights/quadruped (0123456789abcdef)"
    several = model_card(model, two_stages(vit), snapshots.read(crops), [], "measured on photos")
    assert f"- Training stages: {ROUGH}, 4 steps; {FINE}, 4 steps\n" in several
    distilled = MeshInversionConfig.preset("smoke").model_copy(update={"animals": "distilled"})
    assert stages_in_words(recipe.model_copy(update={"method": distilled})).startswith("maps, one step a crop; gan, ")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (MagicPonyConfig(), "12 pictures"),
        (MeshRcnnConfig(meshes="true"), "animals whose surface is known"),
        (MeshRcnnConfig(meshes="distilled"), "12 pictures"),
        (SmplifyConfig(), "nothing; it is fitted to each photo"),
    ],
)
def test_a_card_says_what_its_method_learned_from(crops, model, vit, method, said):
    recipe = tiny_model(vit).model_copy(update={"method": method})
    assert lessons_in_words(recipe, snapshots.read(crops)) == said


def test_a_result_without_a_start_has_an_empty_cell(crops, model, vit):
    names = {"metric": "mask IoU", "unit": "%", "better": "higher", "method": "tiny", "protocol": "input view"}
    score = Score.model_validate(names | {"mean": 50.0, "spread": 1.0, "count": 2})
    card = model_card(model, tiny_model(vit), snapshots.read(crops), [score], "measured on photos")
    assert "| mask IoU | 50 % |  |  | input view |" in card
    assert "Relightable" not in card


def test_a_snapshot_of_older_rules_is_refused_in_one_sentence(crops, rows):
    found = snapshots.read(crops)
    older = found.model_copy(update={"config": {**found.config, "image_rules": {"detail": 0.004}}})
    with pytest.raises(CorruptArtifact, match=r"snapshot 1 of cow: holds a recipe of another version \(image_rules"):
        dataset_card(older, rows)


def test_the_data_card_says_what_photos_were_guided_away_from(crops, rows):
    found = snapshots.read(crops)
    photos = found.config["photos"]
    away = photos | {"generator": photos["generator"] | {"negative_prompt": "a toy"}}
    card = dataset_card(found.model_copy(update={"config": found.config | {"photos": away}}), rows)
    assert "guidance 2.0, away from 'a toy'\n" in card and "away from" not in dataset_card(found, rows)


@pytest.mark.parametrize(("ours", "verdict"), [(0.109, "no better"), (0.05, "better")])
def test_relightable_stands_beside_the_error_of_copying_the_photo(crops, model, vit, ours, verdict):
    names = {"metric": RELIGHTING, "unit": "RMSE", "better": "lower", "protocol": "input view"}
    scores = [
        Score.model_validate(names | {"method": who, "mean": mean, "spread": 0.0, "count": 2})
        for who, mean in ((model.run, ours), (COPY, 0.069))
    ]
    sentence = f"Relightable, with an error of {ours:.3f}; {verdict} than the photo as it is, 0.069."
    assert relighting_in_words(scores, model.run).strip() == sentence
    card = model_card(model, tiny_model(vit), snapshots.read(crops), scores, "measured on photos")
    assert f"| {RELIGHTING} | {ours:.4g} RMSE |  | 0.069 | input view |\n\n{sentence}\n" in card
    assert relighting_in_words(scores[:1], model.run) == "", "a word without the other number is not said"
