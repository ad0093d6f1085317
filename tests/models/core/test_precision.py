import pytest
import torch

from models.core.precision import bf16_autocast


@pytest.mark.parametrize(("native", "kind"), ((True, torch.bfloat16), (False, torch.float32)))
def test_half_precision_only_where_the_processor_has_it(monkeypatch, native, kind):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": native})
    with bf16_autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind


def test_a_processor_that_does_not_say_has_no_half_precision(monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    with bf16_autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
