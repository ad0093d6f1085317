"""Mixed precision: the number format in which networks multiply matrices."""

import torch


def bf16_autocast(kind: str = "cpu") -> torch.autocast:
    """Autocast to bfloat16 on devices with native support: twice as fast there, several times slower elsewhere."""
    native = {
        "cpu": lambda: torch.cpu.get_capabilities().get("avx512_bf16", False),
        "cuda": lambda: torch.cuda.is_bf16_supported(including_emulation=False),
    }.get(kind, lambda: False)
    return torch.autocast(kind, torch.bfloat16, enabled=native())
