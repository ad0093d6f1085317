"""The method's part of the one dial. `paper` has the map sizes, the batch and the rates of the papers."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "smoke": {
        "lessons": 6,
        "size": 48,
        "fit": {"first_steps": 9, "steps": 2, "points": 200},
        "training": {"steps": 4, "batch": 2, "pictures": 32, "width": 8},
        "camera": {"steps": 6, "batch": 4},
        "search": {"starts": 4, "steps": 1, "points": 100},
    },
    # Toy photos are met pixel by pixel: better outlines and colours than by the paper's loss (docs/lab, round 21).
    "laptop": {"search": {"texture": "l1"}},
    "gpu": {
        "lessons": 4000,
        "generator": {"width": 32, "texels": 128},
        "training": {
            "steps": 40_000,
            "batch": 32,
            "rate": 1e-4,
            "discriminator_rate": 4e-4,
            "decay": 0.999,
            "width": 48,
        },
        "camera": {"steps": 5000},
        "search": {"starts": 500, "steps": 50},
    },
    "paper": {
        "lessons": 6000,
        "generator": {"width": 128, "texels": 512, "symmetric": "both"},
        "losses": {"flat": 1e-4},
        "training": {
            "steps": 30_000,
            "batch": 128,
            "rate": 1e-4,
            "discriminator_rate": 4e-4,
            "lr_schedule": 1.0,
            "decay": 0.999,
            "pictures": 256,
            "width": 64,
        },
        "camera": {"steps": 50_000, "batch": 16, "rate": 1e-4, "lr_schedule": 1.0},
        "search": {"starts": 500, "steps": 50, "points": 8192},
    },
}
