from math import log

import pytest
import torch

from models.embedded.part_loss import merged_parts, part_weights, soft_part_cross_entropy
from models.truth.barnyard.rig import PARTS

EVEN = torch.ones(3)


def test_left_and_right_become_one():
    names, table = merged_parts()
    assert "fore_leg" in names and not any(name.startswith(("left", "right")) for name in names)
    assert table[PARTS.index("left_fore_leg")] == table[PARTS.index("right_fore_leg")]
    assert table[0] == 0 and names[0] == "background"


def test_right_names_cost_nothing_and_a_guess_costs_its_odds():
    part = torch.tensor([[[0, 1], [2, 1]]])
    right = 50.0 * torch.nn.functional.one_hot(part, 3).permute(0, 3, 1, 2).float()
    assert soft_part_cross_entropy(right, part, EVEN) < 1e-6
    assert soft_part_cross_entropy(torch.zeros(1, 3, 2, 2), part, EVEN).item() == pytest.approx(log(3))


def test_a_cell_of_two_parts_is_best_named_by_their_shares():
    part = torch.tensor([[[0, 0], [0, 1]]])
    logits = torch.tensor([0.75, 0.25, 1e-9]).log().view(1, 3, 1, 1).requires_grad_()
    soft_part_cross_entropy(logits, part, EVEN).backward()
    assert logits.grad.abs().max() < 1e-6


def test_rare_parts_are_lifted():
    part = torch.tensor([[0] * 15 + [1]]).numpy()
    common, rare = part_weights(part, 2).tolist()
    assert rare == pytest.approx(15**0.5 * common)
