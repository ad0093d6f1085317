"""A model is asked for before it is needed, and what is said of one that cannot be had is true."""

import json
import socket
import time

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import OfflineModeIsEnabled

from models.core import hub
from models.core.errors import MissingWeights
from models.core.hub import check_address, check_files, missing_files, read_settings, within

INDEX = {
    "_class_name": "Any",
    "unet": ["diffusers", "UNet"],
    "scheduler": ["diffusers", "DDIM"],
    "checker": [None, None],
}


@pytest.fixture
def folder(tmp_path):
    """A pipeline of two parts, whole."""
    return pipeline(tmp_path)


def pipeline(folder):
    for name, text in {
        "model_index.json": json.dumps(INDEX),
        "unet/config.json": "{}",
        "unet/model.safetensors": "",
        "scheduler/scheduler_config.json": '{"kind": "DDIM"}',
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Where hub models are kept; empty."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def endpoint(monkeypatch, cache):
    """An address that takes calls and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.hf_api.ENDPOINT", address, raising=False)
        yield address


def test_a_whole_folder_is_read(folder):
    assert read_settings(str(folder), None, "model_index.json") == INDEX
    assert read_settings(str(folder), None, "scheduler/scheduler_config.json") == {"kind": "DDIM"}


@pytest.mark.parametrize("lost", ["model_index.json", "unet/model.safetensors", "scheduler/scheduler_config.json"])
def test_what_a_folder_lacks_is_named(folder, lost):
    (folder / lost).unlink()
    asked = lost if lost.startswith("scheduler") else "model_index.json"
    with pytest.raises(MissingWeights, match=f"{folder} has no {lost}; copy the folder again"):
        read_settings(str(folder), None, asked)


def test_a_part_without_a_folder_is_missing(folder):
    (folder / "scheduler/scheduler_config.json").unlink()
    (folder / "scheduler").rmdir()
    assert missing_files(folder, "model_index.json") == "folder scheduler"


def test_every_file_that_an_index_of_weights_lists_has_to_be_there(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}'
    )
    (tmp_path / "1.safetensors").touch()
    assert missing_files(tmp_path, "config.json") == "2.safetensors"
    (tmp_path / "2.safetensors").touch()
    assert missing_files(tmp_path, "config.json") is None


@pytest.mark.parametrize(("text", "said"), [("{", "is no JSON"), ("[]", "holds list, not settings")])
def test_torn_settings_are_named(tmp_path, text, said):
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(MissingWeights, match=rf"config.json {said}"):
        read_settings(str(tmp_path), None, "config.json")


def test_files_are_asked_for_by_name(tmp_path):
    (tmp_path / "config.json").touch()
    check_files(str(tmp_path), "config.json")
    with pytest.raises(MissingWeights, match="has no pca.safetensors; mend the path"):
        check_files(str(tmp_path), "config.json", "pca.safetensors")


def test_a_model_that_was_fetched_whole_is_not_asked_for_again(cache, monkeypatch):
    store, commit = cache / "models--herd--photos", "1" * 40
    (store / "refs").mkdir(parents=True)
    (store / "refs/main").write_text(commit)
    pipeline(store / "snapshots" / commit)
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: pytest.fail("the hub was asked"))
    assert read_settings("herd/photos", None, "model_index.json") == INDEX
    assert read_settings("herd/photos", commit, "scheduler/scheduler_config.json") == {"kind": "DDIM"}


def test_half_a_fetched_model_is_none_where_the_hub_is_away(cache, monkeypatch):
    store, commit = cache / "models--herd--photos", "1" * 40
    (store / "refs").mkdir(parents=True)
    (store / "refs/main").write_text(commit)
    (pipeline(store / "snapshots" / commit) / "unet/model.safetensors").unlink()
    monkeypatch.setattr(HfApi, "model_info", offline)
    with pytest.raises(MissingWeights, match="it is not whole on this machine and HF_HUB_OFFLINE is set; unset it"):
        read_settings("herd/photos", None, "model_index.json")


def offline(*_, **__):
    raise OfflineModeIsEnabled("offline")


def test_a_hub_that_does_not_answer_is_given_up_within_ten_seconds_with_the_line_to_type(endpoint):
    start = time.monotonic()
    with pytest.raises(MissingWeights) as error:
        read_settings("herd/photos", None, "model_index.json")
    assert time.monotonic() - start < 10
    message = str(error.value)
    assert message.startswith(
        f"herd/photos cannot be had: it is not whole on this machine and {endpoint} does not answer"
    )
    assert message.endswith("`hf download herd/photos --local-dir photos`, and name that folder here")


def test_a_name_that_no_hub_knows_is_a_slip(cache):
    with pytest.raises(MissingWeights, match="no folder has this name, and a hub model is named as owner/model"):
        read_settings("herd of cows", None, "config.json")


def test_a_question_is_waited_for_no_longer_than_it_may_take():
    start = time.monotonic()
    answer, error = within(0.2, lambda: time.sleep(1))
    assert answer is None and "nothing came in 0.2 s" in str(error) and time.monotonic() - start < 0.9
    assert within(5.0, lambda: "here") == ("here", None)


def test_an_address_is_asked_for_without_fetching_it(endpoint, monkeypatch):
    monkeypatch.setattr(hub, "REQUEST_SECONDS", 0.3)
    with pytest.raises(
        MissingWeights, match=rf"{endpoint}/x.pkl cannot be fetched .*; fetch it where there is a network"
    ):
        check_address(f"{endpoint}/x.pkl")
