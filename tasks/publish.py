"""A release: what people take away of a trained animal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import Field
from torch import Tensor

from models.core.config import Config
from models.data.batch import Batch
from models.data.crops import Crops
from models.export import film
from models.export.asset import Asset, asset, is_exportable
from models.export.photo_coat import is_wearer, wear_photo
from models.geometry.mesh import Mesh
from models.metrics.silhouette import iou
from models.rendering.reconstruction import Reconstruction, Reconstructor, Refinable, Renderable
from storage.dataset import snapshots
from storage.formats.glb import glb
from storage.formats.markdown import code_span, escape_markdown, markdown_table
from storage.formats.meshes import obj, plain_glb, plain_obj
from storage.formats.pictures import jpeg, labelled_rows, webp
from storage.formats.report import page
from storage.runs import releases
from storage.runs.releases import ReleaseAbout
from storage.runs.revision import code
from storage.runs.scores import by_metric, encode_scores
from storage.runs.training_runs import is_made_from
from storage.store import bundles, layout
from storage.store.layout import Store
from storage.store.locks import hold_lock
from storage.store.references import DatasetRef, ModelRef, ReleaseRef, Scale, digest
from tasks.evaluate import measured_on, read
from tasks.inference.loading import (
    crop_recipe,
    recipe_of,
    reconstructor,
    setting,
    stage_digests,
    validation,
    validation_samples,
)
from tasks.inference.photo_answer import describe_weights
from tasks.inference.sampling import vertex_colours
from tasks.reports.cards import dataset_page, front_matter, model_card, own_scores
from tasks.reports.release_page import CASES, STRIP, report_of
from tasks.runtime import artifacts
from tasks.runtime.devices import Device, acquire_device
from tasks.runtime.recipes import Photographs

CANDIDATES = 40
"""Photos from which the shown ones are chosen."""


class ReleaseConfig(Config):
    """How much is shown."""

    assets: int = Field(default=4, ge=1, description="photos that become rigged animals")
    film: int = Field(default=256, ge=16, description="pixels along an edge of a film")
    frames: int = Field(default=36, ge=2, description="frames of a film")
    texture: int = Field(default=1024, ge=16, description="pixels along an edge of a texture")


@dataclass(frozen=True)
class Shown:
    """What can be shown of some answers: pictures, films and meshes, as far as the method goes."""

    strip: bytes
    films: dict[str, bytes]
    assets: list[Asset]
    meshes: dict[str, Mesh]
    """Surfaces without a rig, where the method gives no more."""
    colours: dict[str, np.ndarray]
    """Of their vertices, where the method knows colours."""
    cases: bytes = b""
    """As the strip, of the best, the middle and the worst explained photos; empty where answers cannot be drawn."""


@task(task_run_name="publish-{model.category}-{model.run}", cache_policy=NO_CACHE)
def publish(
    model: ModelRef,
    crops: DatasetRef,
    config: ReleaseConfig,
    scale: Scale,
    device: Device = "auto",
    shoulder_height: float = 1.0,
) -> ReleaseRef:
    """GLB and OBJ of well reconstructed photos, films, cards and the report of a measured model.

    It is there already if nothing changed; asked to show more, or measured otherwise since, it is made again.
    """
    release = Store(model.root).release(model.category, model.run)
    folder = layout.release(release)
    tables = {name: encode_scores(table).decode() for name, table in read(model).items()}
    asked = digest([config, shoulder_height, tables])
    with hold_lock(folder):
        if not _is_published(folder, crops, asked):
            with acquire_device(device) as where:
                shown = _shown(model, crops, config, shoulder_height, where)
            about = _about(model, crops, scale).model_copy(update={"asked": asked})
            bundles.commit(folder, _contents(model, crops, shown), about)
    releases.announce(release)
    artifacts.page(f"release-{model.category}", _overview(model, release), f"run {model.run}, {_protocol(model)}")
    return release


def _is_published(folder: str, crops: DatasetRef, asked: str) -> bool:
    """Whether the release is there, byte by byte, and shows what is asked for."""
    about = bundles.read_about(folder, ReleaseAbout) if is_made_from(folder, crops) else None
    return about is not None and about.asked == asked


def _about(model: ModelRef, crops: DatasetRef, scale: Scale) -> ReleaseAbout:
    """How it was made, how good it is, and where it comes from."""
    return ReleaseAbout(
        method=recipe_of(model).method.kind,
        scale=scale,
        snapshot=crops.snapshot,
        code=code(),
        weights=stage_digests(model),
        scores={name: tuple(own_scores(model, table)) for name, table in read(model).items()},
    )


def _shown(model: ModelRef, crops: DatasetRef, config: ReleaseConfig, shoulder_height: float, where: str) -> Shown:
    recipe, plain = recipe_of(model), reconstructor(model, where)
    ours = plain.refined() if isinstance(plain, Refinable) else plain
    photos = validation(crops, recipe.method.resolution, CANDIDATES)
    every = photos.batch(torch.arange(len(photos)))
    # Chosen by answers as they are predicted: what is not shown need not be fitted, where a fit takes seconds a photo.
    overlap, renderer = _overlap(plain.predict(every), every), setting(recipe, where).renderer
    rows = _chosen(every, overlap, config.assets)
    batch = photos.batch(rows)
    reconstruction = ours.predict(batch)
    if is_wearer(reconstruction):
        stored = validation(crops, crop_recipe(crops).size, CANDIDATES).batch(rows)
        reconstruction = wear_photo(reconstruction, renderer, stored)
    films = film.films(reconstruction)
    names = [f"{model.category}-{row + 1}" for row in range(len(batch))]
    without_rig = () if is_exportable(reconstruction) else tuple(enumerate(names))
    return Shown(
        strip=jpeg(np.concatenate(list(film.strip(reconstruction, batch, config.film // 2)))),
        films={
            name: webp(make(config.film, config.frames), config.frames / film.SECONDS[name])
            for name, make in films.items()
        },
        assets=[
            replace(asset(reconstruction, renderer, row, name, config.texture, shoulder_height), origin=origin)
            for row, (name, origin) in enumerate(zip(names, _origins(model, crops, rows), strict=True))
        ]
        if is_exportable(reconstruction)
        else [],
        meshes={name: mesh for row, name in without_rig if (mesh := reconstruction.mesh(row))},
        colours={
            name: painted for row, name in without_rig if (painted := vertex_colours(reconstruction, row)) is not None
        },
        cases=_cases(ours, photos, overlap, config.film // 2),
    )


def _origins(model: ModelRef, crops: DatasetRef, rows: Tensor) -> list[dict[str, str]]:
    """What the files of these photos' animals say of where they come from."""
    source = crop_recipe(crops).photos.generator
    known = {
        "licence": recipe_of(model).category.license,
        **({"licence of the photos": source.license} if isinstance(source, Photographs) else {}),
        "lineage": f"{model.category}/{model.run}",
        "model": describe_weights(stage_digests(model)),
    }
    stored = validation_samples(crops)
    photos = [stored.rows[row] for row in rows.tolist()]
    return [{**known, "picture": photo.key, **({"prompt": photo.prompt} if photo.prompt else {})} for photo in photos]


def _cases(ours: Reconstructor, photos: Crops, overlap: Sequence[float], size: int) -> bytes:
    """The best, the middle and the two worst predicted photos, each with its IoU and that of the silhouette shown."""
    order = np.argsort(overlap, kind="stable")
    rows = dict.fromkeys([order[-1], order[len(order) // 2], *order[1::-1]])
    batch = photos.batch(torch.tensor([int(row) for row in rows]))
    reconstruction = ours.predict(batch)
    if not film.is_drawable(reconstruction):
        return b""
    names = [
        f"{number}: mask IoU {overlap[row]:.0%}, here {fitted:.0%}"
        for number, (row, fitted) in enumerate(zip(rows, _overlap(reconstruction, batch), strict=True), 1)
    ]
    pictures = dict(zip(names, film.strip(reconstruction, batch, size), strict=True))
    return jpeg(labelled_rows(pictures, ("photo", "reconstruction", "shape", "from 90°", "from 180°", "from 270°")))


def _chosen(batch: Batch, overlap: Sequence[float], count: int) -> Tensor:
    """Rows of the photos with the best explained silhouette and, of the better half, the most different coats.

    The coat with the most contrast comes first: the films show that animal, and a black one shows little.
    """
    best, *left = torch.tensor(overlap).argsort(descending=True)[: max(count, len(batch) // 2)].tolist()
    coats, chosen = (batch.image * batch.mask[..., None]).sum((1, 2)) / batch.mask.sum((1, 2))[:, None], [best]
    while left and len(chosen) < count:
        unlike = torch.cdist(coats[left], coats[chosen]).amin(1)
        chosen.append(left.pop(int(unlike.argmax())))
    first = max(chosen, key=lambda row: _contrast(batch, row))
    return torch.tensor([first, *(row for row in chosen if row != first)])


def _contrast(batch: Batch, row: int) -> float:
    """Deviation of a coat's brightness to two digits: what is finer is no reason to prefer it."""
    return round(float(batch.image[row].mean(-1)[batch.mask[row] > 0.5].std()), 2)


def _overlap(reconstruction: Reconstruction, batch: Batch) -> list[float]:
    """Silhouette IoU of each photo; 0 for all where the answers cannot be drawn."""
    if not isinstance(reconstruction, Renderable):
        return [0.0] * len(batch)
    silhouettes = reconstruction.render(batch.mask.shape[-1]).mask.cpu().numpy() > 0.5
    return [iou(*pair) for pair in zip(silhouettes, batch.mask.numpy() > 0.5, strict=True)]


def _contents(model: ModelRef, crops: DatasetRef, shown: Shown) -> dict[str, bytes]:
    """Every file of the release by name."""
    recipe, snapshot, scores = recipe_of(model), snapshots.read(crops), next(iter(read(model).values()))
    models = {each.name: glb(each) for each in shown.assets} | {
        name: plain_glb(*_arrays(mesh), shown.colours.get(name)) for name, mesh in shown.meshes.items()
    }
    contents = {
        "MODEL_CARD.md": (
            front_matter(recipe.category.license, model.category)
            + model_card(model, recipe, snapshot, scores, _protocol(model))
        ).encode(),
        **dataset_page(crops),
        STRIP: shown.strip,
        **({CASES: shown.cases} if shown.cases else {}),
        **{f"{name}.glb": data for name, data in models.items()},
        **{f"{name}.webp": data for name, data in shown.films.items()},
        **{f"obj/{name}": data for each in shown.assets for name, data in obj(each).items()},
        **{f"obj/{name}.obj": plain_obj(*_arrays(mesh)) for name, mesh in shown.meshes.items()},
    }
    return {"report.html": page(report_of(model, crops, contents)).encode(), **contents}


def _arrays(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces."""
    return mesh.vertices[0].cpu().numpy(), mesh.faces.cpu().numpy()


def _protocol(model: ModelRef) -> str:
    """What the numbers of the release were measured on."""
    first, *_ = read(model)
    return measured_on(model, first)


def _overview(model: ModelRef, release: ReleaseRef) -> str:
    """What the UI shows of it: pictures, numbers, and where its files lie."""
    folder = layout.release(release)
    bundle, strip = bundles.find_committed(folder), bundles.read(folder, "strip.jpg")
    files = ", ".join(
        f"[{escape_markdown(name)}]({_link(layout.member(folder, name))})" for name in (bundle.files if bundle else ())
    )
    scores = {name: by_metric(own_scores(model, table)) for name, table in read(model).items()}
    tables = "\n\n".join(f"## Measured on {name}\n\n{markdown_table(rows)}" for name, rows in scores.items())
    head = f"# {release.category}, run {release.run}\n\n{artifacts.encoded(strip)}"
    return f"{head}\n\n{tables}\n\n## Files\n\nIn {code_span(folder)}: {files}\n"


def _link(file: str) -> str:
    """The address of a file; a browser opens those of this machine where its page is of this machine too."""
    return file if "://" in file else Path(file).resolve().as_uri()
