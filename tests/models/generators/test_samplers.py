import pytest
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

from models.generators.samplers import UNSEEDED, sampler_class


def test_a_sampler_is_taken_by_its_name() -> None:
    assert sampler_class("DPMSolverMultistepScheduler", DDIMScheduler()) is DPMSolverMultistepScheduler


@pytest.mark.parametrize("name", ["FlowMatchEulerDiscreteScheduler", "Euler", *UNSEEDED])
def test_one_that_does_not_fit_or_draws_noise_of_its_own_is_refused_with_those_that_do(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' cannot take the place of DDIMScheduler; .*DDIMScheduler") as error:
        sampler_class(name, DDIMScheduler())
    assert not any(unseeded in str(error.value).split("choose")[1] for unseeded in UNSEEDED)
