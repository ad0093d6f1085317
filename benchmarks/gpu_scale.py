"""The scale `gpu` from its first picture to its release, with full-size models of random weights, timed by stage.

    python -m benchmarks.gpu_scale FOLDER                                  as the scale says, but for two numbers
    python -m benchmarks.gpu_scale FOLDER --size 64 --grid 32 --steps 1    what a CPU ends in an hour

The models (2.7 GB) are written into FOLDER once. Their pictures are noise, so the rules that judge pictures are loose,
and whatever the segmenter finds is called a cow. Each stage prints its seconds and the most memory while it ran.
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from prefect.states import State
from rich.console import Console
from transformers import (
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    Mask2FormerImageProcessorPil,
    SwinConfig,
    ViTConfig,
    ViTModel,
)

from benchmarks.published import MODELS, assembled
from flows.plan.availability import check_parts
from flows.plan.plan import Plan, PlanChanges, load_plan
from models.core.weights import REPOSITORY
from tasks.evaluate import evaluate
from tasks.filter import filter
from tasks.generate import generate
from tasks.publish import publish
from tasks.segment import segment
from tasks.shard import shard
from tasks.train import assemble, train

LOOSE: dict[str, dict[str, Any]] = {
    "image_rules": {"dark": 0, "bright": 2, "blank": 0, "contrast": 0, "blur": 2},
    "mask_rules": {
        "score": 0, "other_score": 1, "other_area": 1, "area": [0, 1], "margin": 0, "border": 1, "pieces": 1,
        "solidity": 0, "lost": 1,
    },
}  # fmt: skip
"""Rules under which noise passes."""
CLASSES = 80
"""Of COCO's instances."""
MEBI = 2**20

Product = TypeVar("Product")
console = Console(highlight=False, soft_wrap=True)


def write_models(folder: Path) -> dict[str, Path]:
    """Stable Diffusion 2.1, Mask2Former Swin-L and DINO's ViT-S/8 at their published sizes, once."""
    models = {name: folder / name for name in ("diffusion", "mask2former", "vit")}
    torch.manual_seed(0)
    if not models["diffusion"].is_dir():
        pipeline = assembled(MODELS["sd21"], REPOSITORY / "weights" / "teacher" / "tokenizer")
        pipeline.to(torch.bfloat16).save_pretrained(models["diffusion"])
    if not models["mask2former"].is_dir():
        swin = SwinConfig(
            image_size=384, embed_dim=192, depths=[2, 2, 18, 2], num_heads=[6, 12, 24, 48], window_size=12,
            out_features=[f"stage{number}" for number in range(1, 5)],
        )  # fmt: skip
        names = dict.fromkeys(range(CLASSES), "cow")
        config = Mask2FormerConfig(backbone_config=swin, num_queries=200, id2label=names, label2id={"cow": 0})
        Mask2FormerForUniversalSegmentation(config).save_pretrained(models["mask2former"])
        Mask2FormerImageProcessorPil(size={"height": 384, "width": 384}).save_pretrained(models["mask2former"])
    if not models["vit"].is_dir():
        sizes = ViTConfig(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536)
        sizes.patch_size, sizes.image_size = 8, 224
        ViTModel(sizes, add_pooling_layer=False).save_pretrained(models["vit"])
    return models


def reduce_plan(models: Mapping[str, Path], arguments: argparse.Namespace) -> PlanChanges:
    """What the run does otherwise than the scale: the folders, two numbers, and what `arguments` lower."""
    diffusion = {"model": str(models["diffusion"]), "revision": None}
    lowered: dict[str, Any] = {"size": arguments.size, "steps": arguments.steps} if arguments.steps else {}
    prior: dict[str, Any] = {"grid": arguments.grid, "fine_grid": arguments.grid} if arguments.grid else {}
    training: dict[str, Any] = {"steps": arguments.training, "save_every": arguments.training, "report_every": 1}
    if arguments.batch:
        training["batch"] = arguments.batch
    if arguments.size:
        training["size"] = arguments.size
    return PlanChanges.model_validate(
        {
            "images": 2,
            "photos": arguments.photos,
            "least_kept": 0,
            "device": arguments.device,
            "generator": {**diffusion, **lowered, "batch": 1},
            "segmenter": {"kind": "transformers", "model": str(models["mask2former"]), "score": 0},
            "features": {"model": str(models["vit"])},
            "scenes": 1,
            "release": {"assets": 1, "frames": 2},
            **({"crop": arguments.size} if arguments.size else {}),
            "method": {
                "vit": {"model": str(models["vit"])},
                "feature_vit": {"model": str(models["vit"])},
                "diffusion_prior": {**diffusion, **({"size": arguments.size} if arguments.size else {})},
                "sds": 1.6,
                "training": training,
                "animal": {"prior": prior},
            },
            **LOOSE,
        }
    )


def run_stages(plan: Plan) -> None:
    """Every task of the story, in its order."""
    raw = stage("generate", lambda: generate.fn(plan.raw(0), plan.photo_recipe, plan.device))
    verdicts = stage("filter", lambda: filter.fn(raw, plan.crop_recipe))
    crops = stage("segment", lambda: segment.fn(verdicts, plan.crop_recipe, plan.device))
    data = stage("shard", lambda: shard.fn([crops], 1, plan.duplicate_recipe, plan.device))
    model, recipe = plan.model(data), plan.model_recipe
    for each in plan.method.stages():
        name = each.name
        stage(f"train {name}", lambda: train.fn(model, name, data, recipe, plan.device))  # noqa: B023 - called at once
    stage("assemble", lambda: assemble.fn(model, data, recipe))
    measured = plan.category.truth, plan.held_out, plan.evaluation, plan.device
    stage("evaluate", lambda: evaluate.fn([model], data, *measured))
    stage("publish", lambda: publish.fn(model, data, plan.release, plan.scale, plan.device))


def stage(name: str, work: Callable[[], Product | State[Product]]) -> Any:  # noqa: ANN401 - each task has its product
    """What the work gives; prints its seconds and the most memory that the process held meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")
    wall, cpu = time.monotonic(), time.process_time()
    product = work()
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    seconds = f"{time.monotonic() - wall:8.1f} s, {time.process_time() - cpu:8.1f} s of CPU"
    console.print(f"{name:14} {seconds}, {peak:7.0f} MiB at most")
    return product.data if isinstance(product, State) else product


def main() -> None:
    """Write the models, make the plan, run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for models and data")
    parser.add_argument("--size", type=int, default=0, help="pixels of photos, crops and training, for 512 and 256")
    parser.add_argument("--grid", type=int, default=0, help="of the prior shape, for 128 and 256")
    parser.add_argument("--steps", type=int, default=0, help="denoising steps a picture, for 25")
    parser.add_argument("--photos", type=int, default=4, help="pictures that are drawn")
    parser.add_argument("--training", type=int, default=2, help="training steps")
    parser.add_argument("--batch", type=int, default=0, help="crops a training step, for 10")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    arguments = parser.parse_args()
    models = write_models(arguments.folder / "models")
    plan = load_plan("cow", "gpu", str(arguments.folder / "data"), reduce_plan(models, arguments))
    check_parts(plan)
    run_stages(plan)


if __name__ == "__main__":
    main()
