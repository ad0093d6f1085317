"""The default install brings nothing that forbids commercial use (docs/licences.md)."""

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
KNOWN = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF-2.0|Python Software Foundation|CNRI-Python|0BSD|Zlib|CC0-1.0|BSL-1.0|MPL|Mozilla"
    r"|Artistic)\b"
)
"""What a licence has to name: permissive ones, and the MPL, whose copyleft ends at the package's own files."""
FORBIDDEN = re.compile(r"non-?commercial|\bNC\b|research only|proprietary|AGPL|Affero|AND \(?L?GPL", re.IGNORECASE)
CUDA = re.compile(r"nvidia-|cuda-")
"""What torch's CUDA build brings: NVIDIA's own terms, which permit commercial use; the CPU build has none of it."""


def is_free(licence: str) -> bool:
    return bool(KNOWN.search(licence)) and not FORBIDDEN.search(licence)


def test_the_default_install_is_free_for_commercial_use() -> None:
    licences = collect_licences(PROJECT["dependencies"])
    assert len(licences) > 50, "the packages are not installed here"
    unclear = {name: text for name, text in licences.items() if not CUDA.match(name) and not is_free(text)}
    assert not unclear, "look into each, and write it down in docs/licences.md"


@pytest.mark.parametrize(
    "licence",
    [
        "",
        "NVIDIA Source Code License, non-commercial",
        "CC-BY-NC-4.0",
        "AGPL-3.0",
        "GPL-3.0-only",
        "MIT AND GPL-2.0-only",
        "permitted",
    ],
)
def test_another_licence_would_be_seen(licence: str) -> None:
    assert not is_free(licence)


def test_the_project_has_the_licence_that_it_states() -> None:
    assert PROJECT["license"] == "MIT"
    assert (Path(__file__).parents[1] / "LICENSE").read_text().startswith("MIT License")


def collect_licences(requirements: list[str]) -> dict[str, str]:
    """The licence of every package that these requirements bring."""
    packages: dict[str, Distribution] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in packages:
            continue
        try:
            packages[name] = distribution(name)
        except PackageNotFoundError:  # for another platform, or part of an extra that is not installed
            continue
        below = (Requirement(text) for text in packages[name].requires or ())
        waiting += [child for child in below if is_needed(child, requirement.extras)]
    return {name: read_licence(package) for name, package in packages.items()}


def is_needed(requirement: Requirement, extras: set[str]) -> bool:
    """Whether it is needed here by a package that was asked for with these extras."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


def read_licence(package: Distribution) -> str:
    """The licence expression of a package's metadata, else its classifiers, else its free text."""
    fields = package.metadata
    classifiers = [text for text in fields.get_all("Classifier", []) if text.startswith("License ::")]
    return fields.get("License-Expression") or " | ".join(classifiers) or fields.get("License") or ""
