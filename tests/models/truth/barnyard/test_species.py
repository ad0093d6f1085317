from dataclasses import asdict

import numpy as np
import pytest

from models.truth.barnyard.species import SPECIES, sample_build


@pytest.mark.parametrize("category", SPECIES)
def test_individuals_differ_and_repeat(category):
    builds = [sample_build(category, np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(builds)) == 20
    assert builds[3] == sample_build(category, np.random.default_rng(3))
    assert all(0.8 <= build.legs <= 1.2 for build in builds)


def test_only_cows_have_horns_and_udders():
    builds = {name: [sample_build(name, np.random.default_rng(seed)) for seed in range(40)] for name in SPECIES}
    assert {build.horns > 0 for build in builds["cow"]} == {True, False}
    assert all(
        asdict(build)[part] == 0 for name in ("horse", "sheep") for build in builds[name] for part in ("horns", "udder")
    )


def test_an_unknown_animal_is_refused_with_the_list_of_known_ones():
    with pytest.raises(ValueError, match="'pig'; the barnyard keeps cow, horse, sheep"):
        sample_build("pig", np.random.default_rng(0))
