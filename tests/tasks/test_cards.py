from storage import snapshots
from tasks.cards import dataset_card, model_card
from tests.tasks.material import tiny_model


def test_the_data_card_says_what_was_dropped_and_why(crops):
    card = dataset_card(snapshots.read(crops))
    assert "12 crops of 32 px, kept of 16 photos." in card and "No photo was taken" in card and "| blank | 4 |" in card


def test_the_model_card_has_the_models_own_numbers_with_protocol_and_licence(crops, model, vit):
    row = {"metric": "mask IoU", "unit": "%", "mean": 71.23456, "protocol": "input view"}
    scores = [row | {"method": "tiny"}, row | {"method": "unit sphere", "mean": 3.0}]
    card = model_card(model, tiny_model(vit), snapshots.read(crops), scores)
    assert "| mask IoU | 71.23 % | input view |" in card and "| 3 %" not in card and "CC0-1.0" in card


def test_the_data_card_of_somebodys_own_photos_names_their_folder(crops):
    found = snapshots.read(crops)
    own = {"kind": "folder", "folder": "shots/", "size": 64}
    theirs = found.model_copy(
        update={"config": {**found.config, "photos": {**found.config["photos"], "generator": own}}}
    )
    card = dataset_card(theirs)
    assert "the folder `shots/`, brought to 64 px" in card and "No photo was taken" not in card


def test_the_data_card_says_what_photos_were_guided_away_from(crops):
    found = snapshots.read(crops)
    photos = found.config["photos"]
    away = photos | {"generator": photos["generator"] | {"negative_prompt": "a toy"}}
    card = dataset_card(found.model_copy(update={"config": found.config | {"photos": away}}))
    assert "guidance 2.0, away from 'a toy'\n" in card and "away from" not in dataset_card(found)
