import pytest
import torch
from transformers import ViTConfig as NetworkConfig
from transformers import ViTModel

from models.embedded.photo_set import load_pictures, render_pictures
from models.features.vit import Vit
from models.methods.magicpony.config import LossWeights
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.prior import PriorConfig
from models.methods.magicpony.pretraining import quadruped as module
from models.methods.magicpony.pretraining.appearance_fitting import AppearanceFitting
from models.methods.magicpony.pretraining.pose_pretraining import PosePretrainingConfig
from models.methods.magicpony.pretraining.quadruped import QUADRUPED, QuadrupedTraining, train_quadruped
from models.methods.magicpony.train import TrainingConfig
from models.methods.magicpony.warm_start import WarmStart
from models.truth.barnyard.rig import KEYPOINTS, PARTS
from tests.models.engine.test_loop import Shelf

TINY = QuadrupedTraining(
    crops=5,
    animal=AnimalConfig(
        prior=PriorConfig(grid=12, fine_grid=12, channels=4),
        encoder=EncoderConfig(image=32, grid=4, width=8, code=8),
    ),
    losses=LossWeights(eikonal_points=20),
    training=TrainingConfig(steps=2, batch=2, size=32, save_every=1, report_every=1),
    pose_pretraining=PosePretrainingConfig(steps=2, batch=2),
    appearance=AppearanceFitting(steps=2, batch=2, pixels=4),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two small photos of each species."""
    folder = tmp_path_factory.mktemp("pictures")
    render_pictures(folder, 2, 64)
    return load_pictures(folder, 2)


def tiny_vit():
    torch.manual_seed(0)
    config = NetworkConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    return Vit(ViTModel(config, add_pooling_layer=False).eval(), None)


def shelves():
    """Checkpoints of the three trainings."""
    return {"quadruped": Shelf(), "pose_pretraining": Shelf(), "appearance": Shelf()}


def learnt(pictures, folder, kept):
    train_quadruped(TINY, pictures, tiny_vit(), folder, kept.__getitem__)
    animal = TINY.animal.build(QUADRUPED, tiny_vit())
    WarmStart(model=str(folder)).load(animal)
    return animal.state_dict()


def test_a_stopped_training_goes_on_to_the_same_quadruped(pictures, tmp_path):
    straight, halfway = shelves(), shelves()
    expected = learnt(pictures, tmp_path / "straight", straight)
    halfway["quadruped"].save(1, straight["quadruped"].kept[1])
    found = learnt(pictures, tmp_path / "continued", halfway)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert WarmStart(model=str(tmp_path / "straight")).pca().directions.shape == (32, 4)


def test_it_moves_away_from_the_ellipsoid(pictures, tmp_path):
    torch.manual_seed(TINY.training.seed)
    fresh = TINY.animal.build(QUADRUPED, tiny_vit()).state_dict()
    found = learnt(pictures, tmp_path, shelves())
    assert (found["prior.distance.last.weight"] != fresh["prior.distance.last.weight"]).any()


@pytest.mark.parametrize("training", ["pretrain_pose", "AppearanceLearner"])
def test_a_stop_between_two_trainings_is_made_up_for(pictures, tmp_path, monkeypatch, training):
    expected = learnt(pictures, tmp_path / "straight", shelves())

    def stop(*_):
        raise KeyboardInterrupt

    stopped = shelves()
    monkeypatch.setattr(module, training, stop)
    with pytest.raises(KeyboardInterrupt):
        learnt(pictures, tmp_path / "stopped", stopped)
    monkeypatch.undo()
    assert stopped["quadruped"].newest()[0] == 2
    found = learnt(pictures, tmp_path / "stopped", stopped)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_every_part_of_an_animal_is_in_its_mask(pictures, tmp_path, monkeypatch):
    masks = []

    def stop(image, mask, *_):
        masks.append(mask)
        raise InterruptedError

    monkeypatch.setattr(module, "crop_animal", stop)
    with pytest.raises(InterruptedError):
        learnt(pictures, tmp_path, shelves())
    assert masks[0].sum() == (pictures.part[0] != PARTS.index("background")).sum()


@pytest.mark.parametrize(
    ("part", "weight"), [("pose_pretraining", "articulation.leave.weight"), ("appearance", "light.layers.0.weight")]
)
def test_each_training_takes_part(pictures, tmp_path, part, weight):
    without = TINY.model_copy(update={part: getattr(TINY, part).model_copy(update={"steps": 0})})
    states = []
    for name, config in (("with", TINY), ("without", without)):
        train_quadruped(config, pictures, tiny_vit(), tmp_path / name, shelves().__getitem__)
        animal = TINY.animal.build(QUADRUPED, tiny_vit())
        WarmStart(model=str(tmp_path / name)).load(animal)
        states.append(animal.state_dict())
    assert not torch.equal(*(state[weight] for state in states))


def test_the_folder_says_where_the_learnt_keypoints_are(pictures, tmp_path):
    kept, marked = shelves(), TINY.animal.model_copy(update={"keypoints": KEYPOINTS})
    train_quadruped(TINY.model_copy(update={"animal": marked}), pictures, tiny_vit(), tmp_path, kept.__getitem__)
    animal = marked.build(QUADRUPED, tiny_vit())
    WarmStart(model=str(tmp_path)).load(animal)
    _, state = kept["pose_pretraining"].newest()
    torch.testing.assert_close(animal.markers, state["modules"]["mean"]["markers"], atol=2e-3, rtol=0)
