import pytest
import torch

from models.data.crops import random
from models.data.parts import WHOLE, Part, PartGenerator, normal_noise, per_image

HALVES = [Part(number, 2) for number in range(2)]


def test_the_parts_of_a_batch_are_the_batch() -> None:
    whole = torch.arange(12).view(2, 6)
    assert torch.equal(torch.cat([Part(number, 3).of(whole, 1) for number in range(3)], 1), whole)
    assert torch.equal(WHOLE.of(whole), whole)


def test_a_batch_without_equal_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 5 has no 2 equal parts; give a multiple of 2, or fewer processes"):
        Part(0, 2).of(torch.arange(5))


def draws(part: Part, images: int) -> list[torch.Tensor]:
    """What a step draws one after the other: for its images, for all of them together, and for its images again."""
    generator = random("a step", part=part)
    return [
        per_image(lambda count: torch.rand(3, count, generator=generator), images, generator, axis=1).mT,
        torch.rand(4, generator=generator),
        per_image(lambda count: torch.randperm(count, generator=generator), images, generator),
        normal_noise(torch.empty(images, 2, 3), generator),
    ]


def test_every_image_of_a_part_draws_what_it_draws_in_the_whole_batch() -> None:
    (one, two), whole = (draws(part, 3) for part in HALVES), draws(WHOLE, 6)
    for place, (first, second, both) in enumerate(zip(one, two, whole, strict=True)):
        assert torch.equal(torch.cat((first, second)) if place != 1 else first, both)
        assert torch.equal(first, second) == (place == 1)


def test_a_generator_of_torch_draws_for_a_whole_batch() -> None:
    ours, theirs = random("a step"), random("a step")
    assert isinstance(ours, PartGenerator) and ours.part == WHOLE
    plain = torch.Generator()
    plain.set_state(theirs.get_state())
    noise = normal_noise(torch.empty(5, 2), ours)
    assert torch.equal(noise, normal_noise(torch.empty(5, 2), plain))
    assert torch.equal(noise, torch.randn(5, 2, generator=theirs))
    torch.manual_seed(0)
    assert normal_noise(torch.empty(5, 2), None).shape == (5, 2)


def test_noise_is_drawn_as_the_format_that_is_asked_for() -> None:
    like, half = torch.empty(2, 3, dtype=torch.float64), torch.float16
    coarse = normal_noise(like, random(1), half)
    assert torch.equal(coarse, torch.randn(2, 3, generator=random(1), dtype=half).double())
    assert coarse.dtype == torch.float64 and not torch.equal(coarse, normal_noise(like, random(1)))
