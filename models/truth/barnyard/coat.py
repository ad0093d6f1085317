"""Colours of hair, wool, skin and horn: one albedo per vertex for each coat word."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.truth.barnyard.anatomy import Body
from models.truth.barnyard.noise import waves
from models.truth.barnyard.rig import KEYPOINTS, PART

COATS: dict[str, tuple[str, ...]] = {
    "cow": ("black and white", "brown and white", "brown", "black"),
    "horse": ("chestnut", "black", "white", "brown and white"),
    "sheep": ("white", "grey", "brown"),
    "pig": ("pink", "black", "red", "black and white"),
    "goat": ("white", "brown", "grey", "black and white"),
    "deer": ("red", "brown", "grey"),
    "dog": ("black", "brown", "white", "black and white", "brown and white"),
    "donkey": ("grey", "brown", "black"),
    "llama": ("white", "brown", "grey", "brown and white"),
}
"""The coat words of each species: those of flows/categories/*.yaml, where there is one."""

Colour = tuple[float, float, float]
BLACK: Colour = (0.12, 0.11, 0.11)
WHITE: Colour = (0.93, 0.91, 0.86)
PINK: Colour = (0.80, 0.55, 0.50)
IVORY: Colour = (0.82, 0.76, 0.62)
HOOF: Colour = (0.20, 0.17, 0.15)
_HORN: dict[str, Colour] = {"goat": (0.33, 0.28, 0.22), "deer": (0.46, 0.35, 0.24)}
"""Of who does not have ivory ones."""
_HAIR: dict[str, Colour] = {
    "black": BLACK,
    "white": WHITE,
    "brown": (0.42, 0.26, 0.15),
    "chestnut": (0.55, 0.26, 0.10),
    "grey": (0.50, 0.49, 0.48),
    "pink": (0.86, 0.64, 0.57),
    "red": (0.50, 0.25, 0.12),
}


_SIDES, _ENDS = ("left", "right"), ("fore", "hind")


@dataclass(frozen=True)
class _Canvas:
    """The colours under the brush, and where on the animal each vertex lies."""

    body: Body
    random: np.random.Generator
    colour: Float[ndarray, "vertices 3"]

    def paint(self, where: Float[ndarray, " vertices"], colour: Colour | ndarray) -> None:
        """Lay a colour over the share `where` in [0, 1]."""
        self.colour[:] += np.clip(where, 0, 1)[:, None] * (np.asarray(colour) - self.colour)

    def parts(self, *names: str) -> Float[ndarray, " vertices"]:
        """1 on these parts."""
        return np.isin(self.body.part, [PART[name] for name in names]).astype(float)

    def below(self, height: float) -> Float[ndarray, " vertices"]:
        """1 on legs below this share of the way from the soles to the origin, with a ragged soft edge."""
        legs = self.parts("left_fore_leg", "right_fore_leg", "left_hind_leg", "right_hind_leg", "hoof")
        ground = self.body.vertices[:, 1].min()
        share = 1 - self.body.vertices[:, 1] / ground
        return legs * np.clip((height - share) / 0.06 + 0.5, 0, 1)

    def blaze(self, width: float) -> Float[ndarray, " vertices"]:
        """1 on a stripe down the face."""
        x, face = np.abs(self.body.vertices[:, 0]), self.parts("head", "muzzle")
        forward = self.body.normals[:, 2] + self.body.normals[:, 1] > 0.25
        return face * forward * np.clip((width - x) / 0.05 + 0.5, 0, 1)

    def belly(self) -> Float[ndarray, " vertices"]:
        """1 where torso, neck and the tops of the legs look down."""
        trunk = self.parts("torso", "neck", *(f"{side}_{end}_leg" for side in _SIDES for end in _ENDS))
        return trunk * (self.body.vertices[:, 1] > -0.8) * np.clip((-0.45 - self.body.normals[:, 1]) / 0.3, 0, 1)

    def rump(self, reach: float) -> Float[ndarray, " vertices"]:
        """1 on what lies within this distance of the tail's root and looks backward, and on the tail."""
        root = self.body.vertices[self.body.keypoints[KEYPOINTS.index("tail_base")]]
        near = np.linalg.norm(self.body.vertices - root + (0, 0.6 * reach, 0), axis=-1)
        back = np.clip((-0.25 - self.body.normals[:, 2]) / 0.3, 0, 1)
        return np.maximum(back * np.clip((reach - near) / 0.1 + 0.5, 0, 1), self.parts("tail"))

    def stripe(self, width: float) -> Float[ndarray, " vertices"]:
        """1 along the back."""
        x, up = np.abs(self.body.vertices[:, 0]), self.body.normals[:, 1] > 0.3
        return self.parts("torso") * up * np.clip((width - x) / 0.05 + 0.5, 0, 1)

    def snout(self, length: float) -> Float[ndarray, " vertices"]:
        """1 on the foremost part of the muzzle."""
        z = self.body.vertices[:, 2]
        return self.parts("muzzle") * (z > z.max() - length)

    def patches(self, share: float) -> Float[ndarray, " vertices"]:
        """1 on large smooth blotches that cover about this share of the animal."""
        field = waves(self.random, self.random.uniform(2.0, 3.2))(self.body.vertices)
        return np.clip((field - np.quantile(field, 1 - share)) / 0.16 + 0.5, 0, 1)


def _cow(canvas: _Canvas, coat: str) -> None:
    random = canvas.random
    hair = canvas.colour[0].copy()
    nose = PINK if random.random() < 0.6 else tuple(0.6 * hair)
    if coat.endswith("and white"):
        if coat.startswith("brown") and random.random() < 0.35:
            belly = np.clip((-0.35 - canvas.body.vertices[:, 1]) / 0.15, 0, 1) * canvas.parts("torso")
            canvas.paint(canvas.parts("head", "ear") + belly + canvas.below(0.4), WHITE)
        else:
            canvas.paint((1 - canvas.patches(random.uniform(0.45, 0.65))) * (1 - canvas.parts("head", "ear")), WHITE)
            canvas.paint(canvas.below(random.uniform(0.25, 0.4)), WHITE)
            canvas.paint(canvas.blaze(random.uniform(0.06, 0.16)), WHITE)
        canvas.paint(canvas.parts("tail") * (canvas.body.vertices[:, 1] < -0.4), WHITE)
    elif coat == "brown":
        canvas.paint(canvas.parts("muzzle"), 0.4 * hair + 0.5)
        canvas.paint(canvas.parts("tail") * (canvas.body.vertices[:, 1] < -0.4), 0.4 * hair)
        canvas.paint(canvas.below(0.3), hair * random.uniform(0.5, 1.2))
    canvas.paint(canvas.parts("muzzle") * (canvas.body.vertices[:, 2] > canvas.body.vertices[:, 2].max() - 0.14), nose)
    canvas.paint(canvas.parts("udder"), PINK)


def _horse(canvas: _Canvas, coat: str) -> None:
    random = canvas.random
    hair = canvas.colour[0].copy()
    mane = {"chestnut": BLACK, "black": BLACK, "white": (0.72, 0.70, 0.66), "brown and white": BLACK}[coat]
    points = mane
    if coat == "chestnut" and random.random() < 0.4:
        mane, points = random.uniform(0.6, 1.0) * hair, hair
    if coat == "brown and white":
        canvas.paint(1 - canvas.patches(random.uniform(0.4, 0.6)), WHITE)
        canvas.paint(canvas.parts("head", "ear"), hair)
        points, mane = WHITE, WHITE if random.random() < 0.5 else BLACK
    canvas.paint(canvas.below(random.uniform(0.3, 0.42)), points)
    canvas.paint(canvas.parts("mane", "tail"), mane)
    if random.random() < 0.55:
        canvas.paint(canvas.blaze(random.uniform(0.04, 0.09)), WHITE)
    if coat in ("chestnut", "black") and random.random() < 0.4:
        canvas.paint(canvas.below(random.uniform(0.14, 0.22)), WHITE)
    canvas.paint(0.6 * canvas.parts("muzzle"), (0.25, 0.21, 0.20))


def _sheep(canvas: _Canvas, coat: str) -> None:
    random = canvas.random
    skin = {
        "white": (BLACK, (0.86, 0.80, 0.72), (0.45, 0.33, 0.24)),
        "grey": (BLACK, (0.30, 0.29, 0.29)),
        "brown": (BLACK, (0.75, 0.66, 0.55), (0.22, 0.14, 0.09)),
    }[coat]
    bare = 1 - canvas.body.wool.astype(float)
    canvas.paint(bare, skin[random.integers(len(skin))])
    canvas.paint(bare * canvas.parts("tail"), canvas.colour[np.flatnonzero(canvas.body.wool)[0]])
    canvas.paint(0.5 * canvas.parts("muzzle"), PINK if random.random() < 0.5 else (0.2, 0.17, 0.17))
    canvas.colour[:] *= (0.72 + 0.28 * canvas.body.relief)[:, None]


def _pig(canvas: _Canvas, coat: str) -> None:
    random, hair = canvas.random, canvas.colour[0].copy()
    if coat == "black and white":
        middle, half = random.uniform(0.35, 0.6), random.uniform(0.34, 0.5)
        band = np.clip((half - np.abs(canvas.body.vertices[:, 2] - middle)) / 0.08 + 0.5, 0, 1)
        canvas.paint(band * canvas.parts("torso", "left_fore_leg", "right_fore_leg"), WHITE)
    canvas.paint(0.5 * canvas.parts("ear", "muzzle"), 0.85 * hair)
    canvas.paint(canvas.snout(0.2), (0.80, 0.50, 0.46) if coat == "pink" else 0.5 * hair + 0.12)
    canvas.paint(random.uniform(0, 0.6) * canvas.below(0.35), (0.35, 0.27, 0.2))


def _goat(canvas: _Canvas, coat: str) -> None:
    random, hair = canvas.random, canvas.colour[0].copy()
    if coat == "black and white":
        if random.random() < 0.5:
            behind = np.clip((random.uniform(-0.1, 0.4) - canvas.body.vertices[:, 2]) / 0.15 + 0.5, 0, 1)
            canvas.paint(behind, WHITE)
        else:
            canvas.paint((1 - canvas.patches(0.5)) * canvas.parts("torso", "neck"), WHITE)
        canvas.paint(canvas.blaze(0.08), WHITE)
    elif coat in ("brown", "grey"):
        canvas.paint(canvas.stripe(random.uniform(0.07, 0.14)), 0.35 * hair)
        canvas.paint(
            canvas.belly() + canvas.below(random.uniform(0.3, 0.5)), 0.35 * hair if random.random() < 0.5 else WHITE
        )
    canvas.paint(canvas.parts("mane"), WHITE if random.random() < 0.4 else 0.6 * hair)
    canvas.paint(canvas.parts("udder"), PINK)
    canvas.paint(canvas.snout(0.12), PINK if coat == "white" else 0.4 * hair)


def _deer(canvas: _Canvas, coat: str) -> None:
    random, hair = canvas.random, canvas.colour[0].copy()
    if coat == "red" and random.random() < 0.4:
        dots = waves(random, 17.0, 60)(canvas.body.vertices)
        flank = canvas.parts("torso") * (canvas.body.vertices[:, 1] > -0.15)
        canvas.paint(flank * np.clip((dots - 1.35) / 0.3, 0, 1), WHITE)
    canvas.paint(canvas.belly(), WHITE)
    canvas.paint(canvas.rump(random.uniform(0.4, 0.55)), WHITE)
    canvas.paint(0.6 * canvas.below(0.45), 0.6 * hair)
    canvas.paint(0.5 * canvas.parts("muzzle"), WHITE)
    canvas.paint(canvas.snout(0.1), BLACK)
    canvas.paint(canvas.parts("ear") * (canvas.body.normals[:, 2] > 0.3), 0.4 * hair + 0.45)


def _dog(canvas: _Canvas, coat: str) -> None:
    random, hair = canvas.random, canvas.colour[0].copy()
    if coat.endswith("and white"):
        if random.random() < 0.5:
            ring = np.clip((0.2 - np.abs(canvas.body.vertices[:, 2] - 0.85)) / 0.08 + 0.5, 0, 1)
            canvas.paint(ring * canvas.parts("torso", "neck") + canvas.belly(), WHITE)
        else:
            canvas.paint((1 - canvas.patches(random.uniform(0.4, 0.6))) * canvas.parts("torso", "neck", "tail"), WHITE)
        canvas.paint(canvas.below(random.uniform(0.35, 0.6)), WHITE)
        canvas.paint(canvas.blaze(random.uniform(0.06, 0.12)) + canvas.parts("muzzle"), WHITE)
        canvas.paint(canvas.parts("tail") * (canvas.body.vertices[:, 1] > 0.75), WHITE)
    elif coat == "brown":
        canvas.paint(random.uniform(0, 1) * canvas.parts("muzzle", "ear"), 0.3 * hair)
        canvas.paint(random.uniform(0, 0.7) * (canvas.belly() + canvas.below(0.4)), 0.5 * hair + 0.4)
    elif coat == "black" and random.random() < 0.5:
        canvas.paint(canvas.below(0.35) + canvas.belly() + canvas.parts("muzzle"), (0.5, 0.3, 0.15))


def _donkey(canvas: _Canvas, coat: str) -> None:
    random, hair = canvas.random, canvas.colour[0].copy()
    pale = 0.35 * hair + 0.5
    if random.random() < 0.8:
        canvas.paint(canvas.belly(), pale)
    canvas.paint(canvas.parts("muzzle"), pale)
    eye = canvas.body.vertices[canvas.body.keypoints[KEYPOINTS.index("left_eye")]]
    near = np.linalg.norm(np.abs(canvas.body.vertices * (1, 0, 0)) + canvas.body.vertices * (0, 1, 1) - eye, axis=-1)
    canvas.paint(0.6 * canvas.parts("head") * np.clip((0.15 - near) / 0.08 + 0.5, 0, 1), pale)
    shoulder = np.clip((0.07 - np.abs(canvas.body.vertices[:, 2] - 0.45)) / 0.05 + 0.5, 0, 1)
    cross = canvas.stripe(0.06) + shoulder * canvas.parts("torso") * (canvas.body.vertices[:, 1] > 0)
    canvas.paint(cross * (coat != "black"), 0.35 * hair)
    canvas.paint(canvas.parts("mane") + canvas.parts("tail") * (canvas.body.vertices[:, 1] < -0.35), 0.3 * hair)
    canvas.paint(
        canvas.parts("ear") * (canvas.body.vertices[:, 1] > canvas.body.vertices[:, 1].max() - 0.25), 0.3 * hair
    )
    canvas.paint(canvas.snout(0.1), (0.25, 0.22, 0.21))


def _llama(canvas: _Canvas, coat: str) -> None:
    random, hair = canvas.random, canvas.colour[0].copy()
    if coat == "brown and white":
        canvas.paint(1 - canvas.patches(random.uniform(0.4, 0.6)), WHITE)
    bare = 1 - canvas.body.wool.astype(float)
    if random.random() < 0.6:
        canvas.paint(bare * canvas.parts("head", "muzzle", "ear"), 0.7 * hair)
    canvas.paint(0.7 * canvas.parts("muzzle"), (0.3, 0.24, 0.22))
    canvas.colour[:] *= (0.72 + 0.28 * canvas.body.relief)[:, None]


_PAINTERS = {
    "cow": _cow,
    "horse": _horse,
    "sheep": _sheep,
    "pig": _pig,
    "goat": _goat,
    "deer": _deer,
    "dog": _dog,
    "donkey": _donkey,
    "llama": _llama,
}


def albedo(body: Body, coat: str, random: np.random.Generator) -> Float[ndarray, "vertices 3"]:
    """Reflectance in [0, 1] of every vertex."""
    if coat not in COATS[body.category]:
        raise ValueError(f"coat is {coat!r}; a {body.category} is {', '.join(COATS[body.category])}")
    base = np.array(_HAIR[coat.split(" and ")[0]])
    base = base * random.uniform(0.8, 1.25) * random.uniform(0.97, 1.03, 3)
    canvas = _Canvas(body, random, np.tile(base, (len(body.vertices), 1)))
    _PAINTERS[body.category](canvas, coat)
    canvas.paint(canvas.parts("horn"), _HORN.get(body.category, IVORY))
    if body.category != "dog":
        canvas.paint(canvas.parts("hoof"), HOOF)
    canvas.paint(canvas.parts("eye"), (0.04, 0.03, 0.03))
    canvas.paint(canvas.parts("nostril"), (0.12, 0.08, 0.08))
    mottle = 1 + 0.045 * waves(random, 14.0)(body.vertices)
    return np.clip(canvas.colour * mottle[:, None], 0.02, 1).astype(np.float32)
