"""What a person sees of a comparison of methods: one page, and one strip of pictures for each photo."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose, pi

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from models.data.batch import Batch
from models.export.film import strip
from models.rendering.reconstruction import Reconstruction
from models.truth.examples import Example
from storage.formats.markdown import escape_markdown, markdown_table
from storage.formats.methods_report import MethodsReport, methods_page
from storage.formats.pictures import jpeg, labelled_rows
from storage.formats.report import Picture
from storage.runs.scores import Score, by_metric, decode_scores, encode_scores
from storage.store import bundles, layout
from tasks.runtime import artifacts
from tasks.runtime.cost import Cost

PAGE, SCORES, FACTS = "comparison.html", "scores.json", "facts.json"
COLUMNS = ("photo", "answer", "shape", "turned by 90", "turned by 180", "turned by 270")
"""What stands in a strip from left to right; `models.export.film.strip` draws it."""
YAWS = {pi / 2: 3, pi: 4, 3 * pi / 2: 5}
"""The columns that show the animal turned by so much."""
TRUTH = "truth"
SHOWN_BYTES = 600_000
"""Of all strips in the UI together: a markdown artifact over 1 MB makes it crawl."""


@dataclass(frozen=True)
class Comparison:
    """What was measured of several methods by their names; one that is also refined stands there twice."""

    category: str
    runs: Mapping[str, str]
    left_out: Mapping[str, str]
    """Methods that could not be loaded, and why."""
    measured_on: str
    scores: Sequence[Score]
    abilities: Mapping[str, Mapping[str, bool]]
    costs: Mapping[str, Cost]
    strips: Sequence[UInt8[np.ndarray, "height width 3"]]


def draw_strips(
    answers: Mapping[str, Reconstruction], batch: Batch, examples: Sequence[Example], size: int
) -> list[UInt8[np.ndarray, "height width 3"]]:
    """For each photo one picture: what is true of it, then every answer, in rows with their names."""
    drawn = {name: strip(answer, batch, size) for name, answer in answers.items()}
    truths = [_draw_truth(example, size) for example in examples]
    known = any(example.turned for example in examples)
    strips = [{name: rows[row] for name, rows in drawn.items()} for row in range(len(batch))]
    return [
        labelled_rows({TRUTH: truth, **rows} if known else rows, COLUMNS)
        for truth, rows in zip(truths, strips, strict=True)
    ]


def _draw_truth(example: Example, size: int) -> UInt8[np.ndarray, "size width 3"]:
    """The photo, the animal alone, and what is known of it from other sides; white where nothing is."""
    panels = [np.full((size, size, 3), 255, np.uint8) for _ in COLUMNS]
    image, mask = example.crop.image[0], example.crop.mask[0]
    panels[0], panels[1] = _panel(image, size), _panel(_on_white(image * mask[..., None], mask), size)
    for view in example.turned:
        for yaw, column in YAWS.items():
            if isclose(view.yaw, yaw, abs_tol=1e-3):
                panels[column] = _panel(_on_white(view.image, view.mask), size)
    return np.concatenate(panels, 1)


def _on_white(image: Tensor, mask: Tensor) -> Tensor:
    return image + 1 - mask[..., None]


def _panel(image: Tensor, size: int) -> np.ndarray:
    scaled = torch.nn.functional.interpolate(image.movedim(-1, 0)[None], (size, size), mode="bilinear")[0]
    return (scaled.movedim(0, -1).clamp(0, 1) * 255).round().byte().numpy()


def comparison_files(comparison: Comparison) -> dict[str, bytes]:
    """The page, the strips, the numbers, and what each method gives and takes, by file name."""
    strips = {f"strip-{number}.jpg": jpeg(each) for number, each in enumerate(comparison.strips, 1)}
    facts = _facts(comparison)
    return {
        PAGE: methods_page(_report(comparison, facts, list(strips.values()))).encode(),
        SCORES: encode_scores(comparison.scores),
        FACTS: json.dumps({"facts": facts, "measured on": comparison.measured_on}, indent=1).encode(),
        **strips,
    }


def _facts(comparison: Comparison) -> list[dict[str, str]]:
    """A row for each thing that an answer may have, and for what it costs, with a column for each method."""
    names = list(comparison.abilities)
    parts = list(dict.fromkeys(part for has in comparison.abilities.values() for part in has))
    rows = [
        {"what": part} | {name: "yes" if comparison.abilities[name][part] else "–" for name in names} for part in parts
    ]
    costs = comparison.costs
    rows.append({"what": "seconds a photo"} | {name: f"{costs[name].seconds:.2f}" for name in names})
    rows.append(
        {"what": "memory, MB (of which before the model)"}
        | {name: f"{costs[name].memory_mb:.0f} ({costs[name].idle_mb:.0f})" for name in names}
    )
    on_gpu = {name: cost.gpu_mb for name, cost in costs.items() if cost.gpu_mb is not None}
    if on_gpu:
        rows.append({"what": "memory of the GPU, MB"} | {name: f"{on_gpu[name]:.0f}" for name in names})
    return rows


def _report(comparison: Comparison, facts: Sequence[Mapping[str, str]], strips: Sequence[bytes]) -> MethodsReport:
    count = max((score.count for score in comparison.scores), default=0)
    clock = (
        "of the clock, on a GPU" if any(cost.gpu_mb is not None for cost in comparison.costs.values()) else "of a core"
    )
    return MethodsReport(
        title=f"{comparison.category}: {len(comparison.runs)} methods beside each other",
        summary=f"Every method with a release of {comparison.category}, asked about the same {comparison.measured_on}. "
        "One that is refined fits each answer to its photo and to the mask that the segmenter found in it.",
        methods=tuple(comparison.abilities),
        facts=facts,
        costs=f"Seconds {clock}, median over photos asked one at a time; memory is that of a process that does nothing "
        "else. A texture of its own is one that is not the same colour everywhere.",
        measured=f"Measured on {comparison.measured_on}, up to {count} values a number.",
        table=comparison.scores,
        strips=[
            Picture(f"photo {number}", data, "jpeg", f"photo {number}, a row for each method: {', '.join(COLUMNS)}")
            for number, data in enumerate(strips, 1)
        ],
        left_out=comparison.left_out,
        runs=comparison.runs,
    )


def show_comparison(folder: str, category: str) -> None:
    """Numbers, facts and as many strips as it can hold, in the Prefect UI."""
    scores = decode_scores(bundles.read(folder, SCORES), layout.member(folder, SCORES))
    facts = json.loads(bundles.read(folder, FACTS))
    bundle = bundles.find_committed(folder)
    strips = [bundles.read(folder, name) for name in sorted(bundle.files if bundle else ()) if name.endswith(".jpg")]
    shown = [strip for number, strip in enumerate(strips, 1) if sum(map(len, strips[:number])) <= SHOWN_BYTES]
    escaped = [{escape_markdown(name): cell for name, cell in row.items()} for row in facts["facts"]]
    text = "\n\n".join(
        (f"# {category}: its methods beside each other", *map(artifacts.encoded, shown), markdown_table(escaped))
    )
    artifacts.table(f"scores-compare-{category}", by_metric(scores), f"measured on {facts['measured on']}")
    artifacts.page(f"compare-{category}", f"{text}\n\nThe whole page: {layout.member(folder, PAGE)}\n", "all methods")
