import pytest
import torch

from models.precision import quick


@pytest.mark.parametrize(("native", "kind"), ((True, torch.bfloat16), (False, torch.float32)))
def test_half_precision_only_where_the_processor_has_it(monkeypatch, native, kind):
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: native)
    with quick():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind
