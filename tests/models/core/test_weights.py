import shutil

import pytest

from models.core.errors import MissingWeights
from models.core.weights import (
    NOT_STATED,
    REPOSITORY,
    check_part_digests,
    digest,
    licence,
    locate,
    pin_revision,
    replace_folder,
    report_missing_weights,
    write_part_digests,
)


def test_a_folder_is_found_from_here_and_from_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert locate("mine") == "mine"
    (tmp_path / "weights" / "vit").mkdir(parents=True)
    assert locate("weights/vit") == str(REPOSITORY / "weights/vit")


def test_a_hub_id_stays_as_it_is():
    assert locate("facebook/dino-vits8") == "facebook/dino-vits8"


@pytest.mark.parametrize("model", ["weights/absent", "./absent", "/absent/folder"])
def test_an_absent_folder_is_named(model):
    with pytest.raises(MissingWeights, match=model):
        locate(model)


def test_the_digest_is_that_of_the_bytes_wherever_they_lie(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    assert digest(str(tmp_path / "one"), None) == digest(str(tmp_path / "two"), None)
    (tmp_path / "two" / "model.safetensors").write_bytes(b"others")
    assert digest(str(tmp_path / "one"), None) != digest(str(tmp_path / "two"), None)
    assert digest("facebook/dino-vits8", "abc") == "facebook/dino-vits8@abc"


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "config.json", "unet/merges.txt"])
def test_every_file_that_a_model_is_loaded_from_counts(tmp_path, name):
    digests = set()
    for contents in (b"one", b"two"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(contents)
        digests.add(digest(str(tmp_path), None))
    assert len(digests) == 2


def test_a_hub_model_is_the_commit_that_was_fetched_first(commit):
    assert pin_revision("owner/model", None) == pin_revision("owner/model", "main") == commit
    assert digest("owner/model", None) == f"owner/model@{commit}"
    assert pin_revision("owner/model", "abc") == "abc", "a commit, or a tag that was never fetched"
    assert digest("owner/other", None) == "owner/other@main", "nothing is known before it is fetched"


def test_what_a_loader_raises_is_explained_in_one_line():
    line = r"the model in here cannot be loaded \(no such file\)"
    with pytest.raises(MissingWeights, match=line), report_missing_weights("here", "the model"):
        raise OSError("no such file\nand more")


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        ("weights/vit", "check out `weights` again, or run the flow `barnyard`"),
        (".", "copy the folder again"),
        ("herd/photos@v2", "see that the network is there, or give a folder that has the whole model"),
    ],
)
def test_the_remedy_is_that_of_where_the_weights_come_from(model, remedy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for error in (AssertionError("gone"), KeyError("gone")):
        with pytest.raises(MissingWeights) as raised, report_missing_weights(model, "the model"):
            raise error
        assert str(raised.value).endswith(f"; {remedy}")


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "deep" / "vit"
    with replace_folder(folder) as place:
        (place / "config.json").write_text("old")
    with pytest.raises(OSError, match="no space"), replace_folder(folder) as place:
        (place / "model.safetensors").write_text("half")
        raise OSError("no space")
    assert [file.name for file in folder.iterdir()] == ["config.json"]
    with replace_folder(folder) as place:
        assert not list(place.iterdir())
        (place / "config.json").write_text("new")
    assert (folder / "config.json").read_text() == "new"
    assert [each.name for each in folder.parent.iterdir()] == ["vit"]


@pytest.mark.parametrize("place", ["model", "."])
def test_the_licence_is_what_the_card_in_the_folder_or_above_states(tmp_path, place):
    folder = tmp_path / "model"
    folder.mkdir()
    assert licence(str(folder)) == NOT_STATED
    card = tmp_path / place / "README.md"
    card.write_text("# Weights without a metadata block")
    assert licence(str(folder)) == NOT_STATED
    card.write_text("---\nlicense: openrail++\ntags: [animals]\n---\n# Weights")
    assert licence(str(folder)) == "openrail++"


@pytest.mark.parametrize("block", ["license: [", "- a list"])
def test_a_card_with_torn_metadata_is_named(tmp_path, block):
    (tmp_path / "README.md").write_text(f"---\n{block}\n---\n")
    assert licence(str(tmp_path)) == f"{NOT_STATED} ({tmp_path / 'README.md'} has no whole metadata)"


@pytest.mark.parametrize("model", ["nobody/has-fetched-this", "detectron2://not/a/hub/id.pkl", "/absent/folder"])
def test_what_is_not_here_states_no_licence(model):
    assert licence(model) == NOT_STATED


@pytest.fixture
def pipeline(tmp_path):
    """A folder of two networks that were taught together."""
    for part in ("unet", "vae"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "model.safetensors").write_bytes(part.encode())
    write_part_digests(tmp_path, "unet", "vae")
    return tmp_path


def test_parts_of_one_training_belong_together(pipeline):
    check_part_digests(pipeline)


def test_a_part_of_another_training_is_named_with_where_it_belongs(pipeline):
    (pipeline / "vae" / "model.safetensors").write_bytes(b"older")
    with pytest.raises(
        MissingWeights, match=f"{pipeline}/vae is [0-9a-f]{{16}}, and the rest of {pipeline} was taught with"
    ):
        check_part_digests(pipeline)


def test_a_part_that_is_gone_is_named(pipeline):
    shutil.rmtree(pipeline / "unet")
    with pytest.raises(MissingWeights, match=f"{pipeline}/unet is absent"):
        check_part_digests(pipeline)


def test_a_folder_that_says_nothing_of_its_parts_is_taken_as_it_is(pipeline):
    (pipeline / "parts.json").unlink()
    (pipeline / "vae" / "model.safetensors").write_bytes(b"older")
    check_part_digests(pipeline)
