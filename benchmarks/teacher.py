"""How well a teacher draws the farm's species, beside true photos of them.

    OMP_NUM_THREADS=1 python benchmarks/teacher.py weights/teacher --guidance 2.5

216 photos, half of them by captions of true photos, half by "a cow, back view" and so on, drawn as `laptop` draws. The
Fréchet distance is that of the mean tokens of `weights/taught/vit` to 2,880 true photos, which are rendered into
`--pictures` once (`farm3d` does not need them); a probe, which has seen these alone, tells species and view word. As
many true photos of other individuals are judged first: few photos alone are worth a distance, and the probe errs.
"""

import logging
from argparse import ArgumentParser
from pathlib import Path
from random import Random
from time import process_time

import numpy as np
import torch
from jaxtyping import Float, UInt8
from meshinversion import frechet
from numpy import ndarray

from models.core.category import VIEWS
from models.embedded.photo_set import Pictures, load_pictures, render_pictures
from models.embedded.probe import Probe, judge, train_probe
from models.engine.loop import NoCheckpoints
from models.features import Vit, VitConfig
from models.generators.known_models import EMBEDDED
from models.truth.barnyard.species import FARM, SPECIES

log = logging.getLogger("teacher")
KNOWN, OTHERS = 960, 240
"""True individuals of each species: of the reference and of the probe; of the photos that are judged beside."""
COUNT = 216
SPECIES_WORDS = [str(name) for name in FARM]


def main() -> None:
    """Log a line for true photos and one for drawn ones."""
    arguments = ArgumentParser()
    arguments.add_argument("model", help="folder of a text-to-image pipeline")
    arguments.add_argument("--guidance", type=float, default=EMBEDDED.guidance)
    arguments.add_argument("--steps", type=int, default=EMBEDDED.steps)
    arguments.add_argument("--pictures", type=Path, default=Path("data/benchmarks/barnyard"), help="true photos")
    given = arguments.parse_args()
    render_pictures(given.pictures, KNOWN + OTHERS, EMBEDDED.size)
    known = load_pictures(given.pictures, KNOWN)
    vit = VitConfig(model="weights/taught/vit").build(torch.device("cpu"))
    reference, probe = tokens(vit, known.image), train_probe(known, NoCheckpoints())
    report("true", *drawn_truth(load_pictures(given.pictures, OTHERS, first=KNOWN)), vit, reference, probe)
    settings = {"model": given.model, "guidance": given.guidance, "steps": given.steps, "dtype": "bfloat16"}
    teacher = EMBEDDED.model_copy(update=settings).build(torch.device("cpu"))
    prompts = asked(known)
    begin = process_time()
    images = teacher.generate(prompts, list(range(len(prompts))))
    log.info("%.2f s of a core a photo", (process_time() - begin) / len(prompts))
    report(given.model, images, prompts, vit, reference, probe)


def asked(known: Pictures) -> list[str]:
    """Captions of true photos, then every species from every side equally often."""
    words, captions = Random(0), [str(caption) for caption in known.caption]
    sides = [f"a {name}, {view} view" for name in SPECIES_WORDS for view in VIEWS]
    return [words.choice(captions) for _ in range(COUNT // 2)] + [
        side for side in sides for _ in range(COUNT // 2 // len(sides))
    ]


def drawn_truth(others: Pictures) -> tuple[UInt8[ndarray, "count size size 3"], list[str]]:
    """As many true photos, and what each shows in words."""
    rows = np.random.default_rng(0).permutation(len(others))[:COUNT]
    words = [f"a {SPECIES[others.category[row]]}, {VIEWS[others.view[row]]} view" for row in rows]
    return others.image[rows], words


@torch.no_grad()
def tokens(vit: Vit, images: UInt8[ndarray, "count size size 3"]) -> Float[ndarray, "count channels"]:
    """The mean token of each photo."""
    batches = torch.from_numpy(images).split(32)
    return torch.cat([vit.tokens(batch / 255)[0].mean((2, 3)) for batch in batches]).numpy()


def report(  # noqa: PLR0913 - what a line is made of
    name: str,
    images: UInt8[ndarray, "count size size 3"],
    prompts: list[str],
    vit: Vit,
    reference: Float[ndarray, "known channels"],
    probe: Probe,
) -> None:
    """Distance, and shares that the probe agrees with; view words of the second half, which names nothing else."""
    species, view = judge(probe, images)
    said = np.array([next(number for number, word in enumerate(SPECIES_WORDS) if word in text) for text in prompts])
    sides = np.array([next((number for number, word in enumerate(VIEWS) if word in text), -1) for text in prompts])
    plain, right = np.arange(len(prompts)) >= len(prompts) // 2, sides == view
    by_side = {word: f"{100 * right[plain & (sides == number)].mean():.0f}" for number, word in enumerate(VIEWS)}
    distance = frechet(reference, tokens(vit, images))
    log.info("%s: Fréchet distance %.2f, species %.1f %%", name, distance, 100 * (species == said).mean())
    log.info("%s: view word %.1f %% %s", name, 100 * right[plain].mean(), by_side)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
