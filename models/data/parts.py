"""A training batch in equal parts: for several processes, or for a memory that does not hold all of it at once.

Every image draws the random numbers that it would have got in the whole batch, so that the mean over the parts is the
step of the whole batch but for rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """One of `count` equal parts of a batch, by its number from 0."""

    number: int = 0
    count: int = 1

    def of(self, whole: Shaped[Tensor, "*whole"], axis: int = 0) -> Shaped[Tensor, "*part"]:
        """Its images out of those of the whole batch, which lie along `axis`."""
        images = whole.shape[axis]
        if images % self.count:
            raise ValueError(
                f"a batch of {images} has no {self.count} equal parts; give a multiple of {self.count}, or fewer "
                "processes or a smaller `accumulate`"
            )
        return whole.chunk(self.count, axis)[self.number]


WHOLE = Part()


class PartGenerator(torch.Generator):
    """The random numbers of a step of which only a part is computed."""

    part: Part = WHOLE


def per_image(
    draw: Callable[[int], Shaped[Tensor, "*whole"]], images: int, generator: torch.Generator | None, axis: int = 0
) -> Shaped[Tensor, "*part"]:
    """Random numbers for so many images along `axis`; `draw` takes them from `generator` for any number of images.

    Where `generator` is that of a part, they are drawn for the whole batch, and those of the part are answered.
    """
    part = generator.part if isinstance(generator, PartGenerator) else WHOLE
    return part.of(draw(images * part.count), axis)


def normal_noise(
    like: Float[Tensor, "batch *shape"], generator: torch.Generator | None, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "batch *shape"]:
    """Normally distributed numbers for images of this shape, drawn on the CPU as `dtype`."""
    count, *shape = like.shape
    noise = per_image(lambda images: torch.randn(images, *shape, generator=generator, dtype=dtype), count, generator)
    return noise.to(like)
