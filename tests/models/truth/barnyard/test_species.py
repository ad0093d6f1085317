from dataclasses import asdict

import numpy as np
import pytest

from models.truth.barnyard.species import (
    FARM,
    OTHERS,
    SPECIES,
    fatten_build,
    rejuvenate_build,
    sample_build,
    spread_build,
)


@pytest.mark.parametrize("category", SPECIES)
def test_individuals_differ_and_repeat(category):
    builds = [sample_build(category, np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(builds)) == 20
    assert builds[3] == sample_build(category, np.random.default_rng(3))
    assert all(0.6 <= build.legs <= 1.3 for build in builds if category in FARM)


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


@pytest.mark.parametrize("category", SPECIES)
def test_many_of_the_others_have_necks_and_legs_that_no_animal_of_their_species_has(category):
    builds = [sample_build(category, np.random.default_rng(seed)) for seed in range(400)]
    # Fat and youth alone leave necks within these bounds; of the animals that are spread, two in five leave them.
    far = sum(not 0.8 <= build.neck <= 1.15 for build in builds) / len(builds)
    assert (0.15 < far < 0.3) if category in OTHERS else far == 0
    assert (max(build.legs for build in builds) > 1.35) == (category in OTHERS)


def test_proportions_spread_from_none_at_all_to_factors_that_are_bounded():
    build = sample_build("horse", np.random.default_rng(7))
    assert spread_build(build, 0.0, np.random.default_rng(1)) == build
    spread = [spread_build(build, 1.0, np.random.default_rng(seed)) for seed in range(200)]
    factors = [each.legs / build.legs for each in spread]
    assert 0.65 <= min(factors) < 0.7 and 1.35 < max(factors) <= 1.4
    turns = [each.neck_raise_deg - build.neck_raise_deg for each in spread]
    assert -28 <= min(turns) < -20 and 15 < max(turns) <= 22
    assert all((each.horns, each.udder) == (build.horns, build.udder) for each in spread)
    for name in ("length", "depth", "width", "bone", "neck", "head", "muzzle", "ears", "tail", "hair"):
        sides = [getattr(each, name) > getattr(build, name) for each in spread]
        assert 0.2 < np.mean(sides) < 0.8, f"{name} grows only, or shrinks only"


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
