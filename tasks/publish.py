"""A release: what people take away of a trained animal."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import Field
from torch import Tensor

from models.core.config import Config
from models.data.crops import Crops
from models.export import film
from models.export.asset import asset
from models.methods.magicpony.reconstructor import AnimalReconstructor
from models.metrics.silhouette import iou
from storage.dataset import snapshots
from storage.formats.glb import glb
from storage.formats.meshes import Asset, obj
from storage.formats.pictures import jpeg, webp
from storage.formats.report import Picture, Report, page
from storage.runs import releases
from storage.runs.metrics_log import MetricsLog
from storage.runs.releases import ReleaseAbout
from storage.runs.revision import code
from storage.store import bundles, layout
from storage.store.layout import Store
from storage.store.references import DatasetRef, ModelRef, ReleaseRef, Scale
from tasks.evaluate import measured_on, read
from tasks.inference.loading import recipe_of, reconstructor, validation
from tasks.inference.select import FILMS
from tasks.reports.cards import SHEETS, dataset_page, model_card, own_scores
from tasks.runtime import artifacts
from tasks.runtime.devices import Device, place

CANDIDATES = 40
"""Photos from which the shown ones are chosen."""
CURVES = ("loss", "mask", "rgb", "features", "sds")


class ReleaseConfig(Config):
    """How much is shown."""

    assets: int = Field(default=4, ge=1, description="photos that become rigged animals")
    film: int = Field(default=256, ge=16, description="pixels along an edge of a film")
    frames: int = Field(default=36, ge=2, description="frames of a film")
    texture: int = Field(default=512, ge=16, description="pixels along an edge of a texture")


@dataclass(frozen=True)
class Shown:
    """The pictures of a release."""

    strip: bytes
    films: dict[str, bytes]
    assets: list[Asset]


@task(task_run_name="publish-{model.category}-{model.run}", cache_policy=NO_CACHE)
def publish(
    model: ModelRef, crops: DatasetRef, config: ReleaseConfig, scale: Scale, device: Device = "auto"
) -> ReleaseRef:
    """GLB and OBJ of well reconstructed photos, films, cards and the report of a measured model."""
    release = Store(model.root).release(model.category, model.run)
    if bundles.committed(layout.release(release)) is None:
        with place(device) as where:
            shown = _shown(model, crops, config, where)
        bundles.commit(layout.release(release), _contents(model, crops, shown), _about(model, crops, scale))
    releases.announce(release)
    artifacts.page(f"release-{model.category}", _overview(release, _protocol(model)))
    return release


def _about(model: ModelRef, crops: DatasetRef, scale: Scale) -> ReleaseAbout:
    """How it was made, how good it is, and where it comes from."""
    bundle = bundles.committed(layout.model(model))
    return ReleaseAbout(
        method=recipe_of(model).method.kind,
        scale=scale,
        snapshot=crops.snapshot,
        code=code(),
        weights={name: file.sha256 for name, file in bundle.files.items()} if bundle else {},
        scores={name: tuple(own_scores(model, table)) for name, table in read(model).items()},
    )


def _shown(model: ModelRef, crops: DatasetRef, config: ReleaseConfig, where: str) -> Shown:
    ours = reconstructor(model, where, refine=True)
    photos = validation(crops, recipe_of(model).training.size, CANDIDATES)
    batch = photos.batch(_chosen(ours, photos, config.assets))
    prediction = ours.predict(batch)
    films = {name: film_of(ours, prediction, config.film, config.frames) for name, film_of in FILMS.items()}
    assets = [asset(ours, prediction, row, f"{model.category}-{row + 1}", config.texture) for row in range(len(batch))]
    return Shown(
        strip=jpeg(np.concatenate(list(film.strip(ours, batch, config.film // 2)))),
        films={name: webp(frames, config.frames / film.SECONDS) for name, frames in films.items()},
        assets=[Asset(**vars(each)) for each in assets],
    )


def _chosen(ours: AnimalReconstructor, photos: Crops, count: int) -> Tensor:
    """Rows of the photos with the best explained silhouette and, of the better half, the most different coats."""
    batch = photos.batch(torch.arange(len(photos)))
    drawn = ours.render(ours.predict(batch), photos.size).mask.cpu().numpy() > 0.5
    overlap = [iou(*pair) for pair in zip(drawn, batch.mask.numpy() > 0.5, strict=True)]
    best, *left = torch.tensor(overlap).argsort(descending=True)[: max(count, len(photos) // 2)].tolist()
    coats, chosen = (batch.image * batch.mask[..., None]).sum((1, 2)) / batch.mask.sum((1, 2))[:, None], [best]
    while left and len(chosen) < count:
        unlike = torch.cdist(coats[left], coats[chosen]).amin(1)
        chosen.append(left.pop(int(unlike.argmax())))
    return torch.tensor(chosen)


def _contents(model: ModelRef, crops: DatasetRef, shown: Shown) -> dict[str, bytes]:
    """Every file of the release by name."""
    recipe, snapshot, tables = recipe_of(model), snapshots.read(crops), read(model)
    scores, protocol = next(iter(tables.values())), _protocol(model)
    models, catalogue = {each.name: glb(each) for each in shown.assets}, dataset_page(crops)
    report = Report(
        title=f"{model.category}, run {model.run}",
        summary=f"{snapshot.kept} crops, {recipe.training.steps} steps, method {recipe.method.kind}; {protocol}",
        films=[Picture(name, data, "webp") for name, data in shown.films.items()],
        table=scores,
        curves=_curves(model),
        sheets=[
            Picture("photo, reconstruction, shape, other views", shown.strip, "jpeg", wide=True),
            *_sheets(catalogue),
        ],
        models=models,
        lineage=_lineage(model, crops),
    )
    return {
        "report.html": page(report).encode(),
        "MODEL_CARD.md": model_card(model, recipe, snapshot, scores, protocol).encode(),
        **catalogue,
        "strip.jpg": shown.strip,
        **{f"{name}.glb": data for name, data in models.items()},
        **{f"{name}.webp": data for name, data in shown.films.items()},
        **{f"obj/{name}": data for each in shown.assets for name, data in obj(each).items()},
    }


def _curves(model: ModelRef) -> dict[str, list[tuple[float, float]]]:
    lines = MetricsLog(layout.metrics(model)).lines
    return {name: [(line["step"], line[name]) for line in lines if name in line] for name in CURVES}


def _sheets(catalogue: Mapping[str, bytes]) -> list[Picture]:
    return [Picture(name, catalogue[file], "jpeg", wide=True) for name, file in SHEETS.items() if file in catalogue]


def _lineage(model: ModelRef, crops: DatasetRef) -> dict[str, str]:
    recipe = recipe_of(model)
    return {
        "run": model.run,
        "snapshot": f"{crops.category} {crops.snapshot}",
        "generator": recipe.teacher.model,
        "features": recipe.features.model,
        "licence of the asset": recipe.category.license,
    }


def _protocol(model: ModelRef) -> str:
    """What the numbers of the release were measured on."""
    first, *_ = read(model)
    return measured_on(model, first)


def _overview(release: ReleaseRef, protocol: str) -> str:
    """What the UI shows of it."""
    folder = layout.release(release)
    bundle, strip = bundles.committed(folder), bundles.read(folder, "strip.jpg")
    listed = "\n".join(f"- `{layout.member(folder, name)}`" for name in (bundle.files if bundle else ()))
    return f"# {release.category}, run {release.run}\n\nNumbers {protocol}.\n\n{artifacts.encoded(strip)}\n\n{listed}\n"
