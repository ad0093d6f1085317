import torch

from models.engine.loop import NoCheckpoints, fit, no_report
from models.methods.meshinversion.state import Pictures, Placement
from models.methods.meshinversion.warm_start import (
    CameraHead,
    CameraLearner,
    CameraTrainingConfig,
    camera_loss,
    see,
)
from tests.models.data.test_crops import CPU
from tests.models.methods.meshinversion.material import lessons, vit


def test_the_loss_is_nothing_at_the_truth_and_the_same_for_both_quaternions_of_a_turn():
    known = Placement(torch.ones(1), torch.zeros(1, 2), torch.tensor([[0.6, 0.8, 0, 0]]))
    other = Placement(torch.tensor([3.0]), torch.tensor([[1.0, 1.0]]), torch.tensor([[0.8, -0.6, 0, 0]]))
    opposite = Placement(known.scale, known.shift, -known.turn)
    assert sum(camera_loss(opposite, known).values()) < 1e-6
    values = camera_loss(other, known)
    assert values["scale"] == 4 and values["shift"] == 2 and torch.allclose(values["turn"], torch.ones(()))


def test_placements_of_a_few_crops_are_learnt_by_heart():
    torch.manual_seed(0)
    head, pictures = CameraHead(vit().channels, 6), Pictures(lessons(), 48)
    config = CameraTrainingConfig(steps=60, batch=6, rate=2e-3)
    learner = CameraLearner(head, pictures, vit(), config)
    start = float(learner.step(0, 0.0)["loss"])
    assert fit(learner, config, NoCheckpoints(), no_report, None).values["loss"] < 0.1 * start
    batch, at = pictures.crops.batch(torch.tensor([0, 0]), torch.tensor([False, True])), pictures.placement
    ours = head(*see(vit(), batch.image, batch.mask))
    assert (ours.scale - at.scale[0]).abs().max() < 0.1
    both = at.rows(torch.tensor([0, 0])).mirrored(torch.tensor([False, True]))
    assert camera_loss(ours, both)["turn"] < 0.02, "mirrored crops too"


def test_what_lies_outside_of_the_mask_is_not_read():
    torch.manual_seed(0)
    head, tokens = CameraHead(8, 6), torch.rand(1, 8, 6, 6)
    mask = torch.zeros(1, 6, 6)
    mask[:, 2:4, 2:4] = 1
    other = torch.where(mask[:, None] > 0, tokens, torch.rand(1, 8, 6, 6))
    assert torch.equal(head(tokens, mask).turn, head(other, mask).turn)
    placement = head(tokens, mask)
    assert (placement.scale > 0).all() and torch.allclose(placement.turn.norm(dim=1), torch.ones(1))
    assert placement.to(CPU).scale.shape == (1,)
