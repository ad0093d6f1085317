"""The stages of a method that learns from animals of the barnyard, trained outside of any flow."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from models.core.category import Category
from models.data.columns import Content, PseudoTruth
from models.engine.loop import Panel, Summary
from models.methods.base import Artifact, Method, StageContext
from models.rendering.reference import Reference
from storage.runs.checkpoints import Checkpoints


def train_stages(
    category: str, folder: Path, config: Method, load: Callable[[Any], Any] = lambda part: part
) -> dict[str, Artifact]:
    """Each stage by its name, learnt in a folder; what is there already is read. `load` gives the frozen parts."""
    folder.mkdir(parents=True, exist_ok=True)
    artifacts: dict[str, Artifact] = {}

    def report(step: int, values: dict[str, float], panel: Panel | None) -> None:
        with (folder / "metrics.jsonl").open("a") as journal:
            journal.write(json.dumps({"step": step, "seconds": process_time(), **values}) + "\n")

    def column(name: str) -> Sequence[PseudoTruth[Content]]:
        raise ValueError(f"column {name}: true animals are learnt from here")

    for stage in config.stages():
        file = folder / f"{stage.name}.safetensors"
        if not file.is_file():
            context = StageContext(
                Category(name=category, segment_as=(category,)),
                torch.device("cpu"),
                Reference(),
                load,
                samples=(),
                checkpoints=Checkpoints(str(folder / stage.name)),
                report=report,
                artifacts=artifacts,
                columns=column,
            )
            save_file({name: part.contiguous() for name, part in stage.run(context).tensors.items()}, file)
        artifacts[stage.name] = Artifact(load_file(file), Summary(stage.steps, 0, {}))
    return artifacts
