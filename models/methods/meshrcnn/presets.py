"""The method's part of the one dial. `paper` has the grid, the batch and the widths of its ShapeNet training."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "smoke": {
        "lessons": 8,
        "predictor": {"grid": 12, "channels": 16, "width": 16, "stages": 2, "convolutions": 2},
        "training": {"steps": 12, "warm_up": 8, "batch": 4, "refined": 2, "points": 100},
    },
    "laptop": {},
    "gpu": {"lessons": 4000, "training": {"steps": 20_000, "warm_up": 4000, "batch": 32, "refined": 32}},
    "paper": {
        "lessons": 20_000,
        "predictor": {"grid": 48, "channels": 96, "width": 128},
        "training": {
            "steps": 100_000,
            "warm_up": 1000,
            "batch": 64,
            "refined": 64,
            "points": 5000,
            "rate": 1e-4,
            "lr_schedule": 1.0,
            "alone": 0,
        },
    },
}
