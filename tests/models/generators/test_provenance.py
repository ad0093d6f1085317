import pytest

from models.generators.provenance import Sampling


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        (Sampling("flat"), ""),
        (Sampling("sd", 25, 2.5), "25 steps, guidance 2.5"),
        (Sampling("sd", 25, 7.5, "a toy"), "25 steps, guidance 7.5, away from 'a toy'"),
    ],
)
def test_what_a_generator_does_not_have_is_not_said(sampling: Sampling, words: str) -> None:
    assert sampling.settings == words
