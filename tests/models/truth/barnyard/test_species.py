from dataclasses import asdict

import numpy as np
import pytest

from models.truth.barnyard.species import FARM, OTHERS, SPECIES, fatten_build, rejuvenate_build, sample_build


@pytest.mark.parametrize("category", SPECIES)
def test_individuals_differ_and_repeat(category):
    builds = [sample_build(category, np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(builds)) == 20
    assert builds[3] == sample_build(category, np.random.default_rng(3))
    assert all(0.6 <= build.legs <= 1.3 for build in builds)


def test_what_others_are_told_of_is_nothing_that_the_farm_makes():
    assert not set(FARM) & set(OTHERS)
    assert set(FARM) | set(OTHERS) == set(SPECIES)
    # Numbers of pictures' species are indices into SPECIES: the farm's come first and keep theirs.
    assert SPECIES[: len(FARM)] == FARM == ("cow", "horse", "sheep")


def test_some_species_have_horns_and_udders_and_some_of_their_animals_lack_them():
    builds = {name: [sample_build(name, np.random.default_rng(seed)) for seed in range(40)] for name in SPECIES}
    having = {
        part: {name for name in SPECIES if any(asdict(build)[part] for build in builds[name])}
        for part in ("horns", "udder")
    }
    assert having == {"horns": {"cow", "goat", "deer"}, "udder": {"cow", "goat"}}
    for part, names in having.items():
        assert all(any(asdict(build)[part] == 0 for build in builds[name]) for name in names)


def test_others_vary_more_than_their_ranges():
    builds = [sample_build("donkey", np.random.default_rng(seed)) for seed in range(200)]
    assert max(build.width for build in builds) > 1.2 and min(build.width for build in builds) < 0.8
    assert max(build.head for build in builds) > 1.15


def test_a_fat_animal_is_wide_and_a_young_one_has_a_large_head_long_legs_and_no_horns():
    build = sample_build("goat", np.random.default_rng(7))
    assert build.horns > 0
    assert fatten_build(build, 1.0).width > build.width > fatten_build(build, -1.0).width
    young = rejuvenate_build(build, 1.0)
    assert young.head > build.head and young.legs > build.legs and young.horns == 0
    assert fatten_build(build, 0.0) == build


def test_an_unknown_animal_is_refused_with_the_list_of_known_ones():
    with pytest.raises(ValueError, match="'yak'; the barnyard keeps cow, horse, sheep, pig"):
        sample_build("yak", np.random.default_rng(0))
