import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.core.errors import MissingWeights
from models.core.weights import digest, locate
from models.features import Pca, VitConfig
from models.features.keypoint_reading import KeypointConfig
from models.methods.magicpony.config import MagicPonyConfig
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.prior import PriorConfig
from models.methods.magicpony.pretraining.quadruped import QUADRUPED
from models.methods.magicpony.warm_start import FromNothing, WarmStart, write
from models.truth.barnyard.rig import KEYPOINTS, OPPOSITE_KEYPOINT
from models.truth.barnyard.species import FARM, OTHERS
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG, PatchVit

PCA = Pca(torch.arange(3.0), torch.eye(3))


def animal(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    return config.build(CATEGORY, PatchVit())


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, animal(), PCA)
    return tmp_path


def test_another_animal_becomes_the_quadruped_within_half_precision(folder):
    other = animal(seed=1)
    WarmStart(model=str(folder)).load(other)
    for name, value in animal().state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, atol=1e-3, rtol=1e-3)
        assert other.state_dict()[name].dtype == value.dtype


def test_the_directions_come_back(folder):
    found = WarmStart(model=str(folder)).pca()
    assert torch.equal(found.mean, PCA.mean) and torch.equal(found.directions, PCA.directions)


def test_other_weights_are_another_digest(folder):
    before = digest(str(folder), None)
    write(folder, animal(seed=1), PCA)
    assert digest(str(folder), None) != before


def test_an_animal_of_another_size_is_named(folder):
    wider = AnimalConfig(prior=PriorConfig(grid=8, fine_grid=8), encoder=EncoderConfig(image=32, grid=4, code=12))
    with pytest.raises(ValueError, match=r"weight is \(.*\), this animal needs \(.*\); leave the sizes"):
        WarmStart(model=str(folder)).load(animal(wider))


@pytest.mark.parametrize("change", [{"first": "quadruped"}, {"radius": 1.2}, {"stretch": 1.5}])
def test_a_distance_that_was_learnt_on_another_first_shape_is_refused(folder, change):
    (name,) = change
    other = CONFIG.model_copy(update={"prior": CONFIG.prior.model_copy(update=change)})
    with pytest.raises(ValueError, match=f"learnt with animal.prior.{name} .*; leave it alone or set warm_start"):
        WarmStart(model=str(folder)).load(animal(other))


def test_keypoints_come_along_where_the_animal_has_them_and_stay_behind_where_not(tmp_path):
    marked = CONFIG.model_copy(update={"keypoints": ("nose", "throat")})
    quadruped = animal(marked)
    quadruped.markers.copy_(torch.tensor([[0.0, 0.5, 2.0], [0.0, 0.25, 1.5]]))
    write(tmp_path, quadruped, PCA)
    other, plain = animal(marked, seed=1), animal(seed=1)
    WarmStart(model=str(tmp_path)).load(other)
    assert torch.equal(other.markers, quadruped.markers)
    WarmStart(model=str(tmp_path)).load(plain)
    assert "markers" not in plain.state_dict()


def test_a_quadruped_that_does_not_know_its_keypoints_is_refused(folder):
    marked = CONFIG.model_copy(update={"keypoints": ("nose", "throat")})
    with pytest.raises(ValueError, match=r"markers is absent, this animal needs \(2, 3\); leave the sizes"):
        WarmStart(model=str(folder)).load(animal(marked))


def test_a_weight_that_is_not_there_is_named(folder):
    weights = load_file(folder / "animal.safetensors")
    name = min(weights)
    save_file({other: value for other, value in weights.items() if other != name}, folder / "animal.safetensors")
    with pytest.raises(ValueError, match=f"{name} is absent, this animal needs"):
        WarmStart(model=str(folder)).load(animal())


def test_a_truncated_file_is_named(folder):
    (folder / "animal.safetensors").write_bytes(b"half")
    with pytest.raises(MissingWeights, match=f"the quadruped in {folder} cannot be loaded"):
        WarmStart(model=str(folder)).load(animal())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingWeights, match="weights folder /.*/nowhere does not exist"):
        WarmStart(model=str(tmp_path / "nowhere")).pca()


def test_from_nothing_changes_no_weight():
    fresh, started = animal(), animal()
    FromNothing().load(started)
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), started.parameters(), strict=True))
    assert FromNothing().pca() is None and FromNothing().begin == 0


class OtherVit(PatchVit):
    digest = "others"


def test_a_quadruped_is_refused_beside_another_transformer_than_it_was_taught_with(folder):
    torch.manual_seed(0)
    stranger = CONFIG.build(CATEGORY, OtherVit())
    sentence = (
        f"the ViT of this run is others, and the quadruped in {folder} was taught with patches: they do not belong"
    )
    with pytest.raises(MissingWeights, match=sentence):
        WarmStart(model=str(folder)).load(stranger)


def test_a_quadruped_that_names_no_transformer_is_refused(folder):
    (folder / "config.json").write_text("{}")
    with pytest.raises(MissingWeights, match=f"{folder}/config.json does not name its ViT by digest"):
        WarmStart(model=str(folder)).load(animal())


def test_the_shipped_quadruped_was_taught_with_the_shipped_transformer_and_neither_saw_a_species_of_the_farm():
    said = json.loads((Path(locate(WarmStart().model)) / "config.json").read_text())
    assert said["vit"] == VitConfig().digest()
    vit = json.loads((Path(locate(VitConfig().model)) / "config.json").read_text())
    assert said["told"] == vit["told"] == sorted(OTHERS) and not set(OTHERS) & set(FARM)


def test_the_shipped_quadruped_knows_every_keypoint_that_the_shipped_reading_finds_left_and_right():
    method = MagicPonyConfig.preset("laptop")
    assert method.animal.keypoints == KEYPOINTS == KeypointConfig().build(torch.device("cpu")).names
    quadruped = method.animal.build(QUADRUPED, VitConfig().build(torch.device("cpu")))
    WarmStart().load(quadruped)
    mirrored = quadruped.markers[list(OPPOSITE_KEYPOINT)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(quadruped.markers, mirrored, atol=0.05, rtol=0)
    left = torch.tensor([name.startswith("left") for name in KEYPOINTS])
    assert (quadruped.markers[left, 0] > 0.05).all(), "left is +x"
