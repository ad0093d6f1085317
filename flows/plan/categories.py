"""The categories: one YAML file each.

They lie in `flows/categories`. Where the variable FARM3D_CATEGORIES names a folder, those in it count too, and the one
there is taken where both have a file of the same name.
"""

import os
from pathlib import Path
from shlex import quote
from typing import Any

import yaml
from pydantic import ValidationError

from flows.plan.work_folder import is_checkout, work_folder
from models.core.category import GROWN, Category, FolderTruth

REPOSITORY = Path(__file__).parents[2]
SHIPPED = REPOSITORY / "flows" / "categories"
VARIABLE = "FARM3D_CATEGORIES"
"""Names the folder of categories that are not part of the checkout."""


class _OneKeyOnce(yaml.SafeLoader):
    """A key that stands twice is refused, where YAML's loaders take the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := next((key for number, key in enumerate(keys) if key in keys[:number]), None):
            raise yaml.constructor.ConstructorError(None, None, f"{twice} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def own_folder() -> Path:
    """Where a new category is written: what FARM3D_CATEGORIES says, else the checkout or the user's work folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    return SHIPPED if is_checkout() else work_folder() / "categories"


def category_files() -> dict[str, Path]:
    """The file of every category by its name, sorted."""
    files = {file.stem: file for folder in (SHIPPED, own_folder()) for file in folder.glob("*.yaml")}
    return dict(sorted(files.items()))


def categories() -> list[str]:
    """The names of all categories."""
    return list(category_files())


def load_category(name: str) -> Category:
    """What the file of a category says.

    Raises ValueError if there is no such file, or if it says something wrong.
    """
    files = category_files()
    if name not in files:
        raise ValueError(
            f"category {name!r} is unknown; choose {', '.join(files)}, "
            f"or make it: farm3d category new {quote(name)} --segment-as CLASS,CLASS"
        )
    return read_category(files[name])


def shoulder_height(name: str, age: str = GROWN) -> float:
    """Metres from ground to withers at an age; those of any animal where the category has no file.

    Raises ValueError for an age whose size the category does not say.
    """
    files = category_files()
    category = read_category(files[name]) if name in files else Category(name="animal", segment_as=("animal",))
    return category.shoulder_height(age)


def read_category(file: Path) -> Category:
    """What one YAML file says of an animal; the folder of its truth is taken from the file's own folder on.

    Raises ValueError with file, place, value and remedy.
    """
    where = shown(file)
    try:
        said = yaml.load(file.read_bytes(), _OneKeyOnce)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(f"{where}: is not YAML ({error}); mend it") from error
    if not isinstance(said, dict) or said.get("name") != file.stem:
        raise ValueError(f"{where}: name is missing or not {file.stem!r}; a category has the name of its file")
    try:
        category = Category.model_validate(said)
    except ValidationError as error:
        raise ValueError(f"{where}: {explain(error)}") from error
    if not isinstance(category.truth, FolderTruth):
        return category
    folder = file.parent / Path(category.truth.folder).expanduser()
    return category.model_copy(update={"truth": FolderTruth(folder=str(folder))})


def shown(file: Path) -> str:
    """A file as messages name it: from the checkout on, where it lies in it."""
    return str(file.relative_to(REPOSITORY) if file.is_relative_to(REPOSITORY) else file)


def explain(error: ValidationError) -> str:
    """Each fault as `place is value; remedy` or `place: no such key`."""
    return "; and ".join(_explain_one(fault) for fault in error.errors())


def _explain_one(fault: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    place = ".".join(str(step) for step in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{place}: no such key; take it out or mend its spelling"
    if fault["type"] == "missing":
        return f"{place} is missing; add it"
    if fault["type"] == "tuple_type":
        return f"{place} is {fault['input']!r}; give a list, as [cow, sheep]"
    if fault["type"] == "too_short":
        return f"{place} is {fault['input']!r}; give at least {fault['ctx']['min_length']}"
    if fault["type"] == "value_error":
        return f"{place} {fault['ctx']['error']}".lstrip()
    return f"{place} is {fault['input']!r}; {fault['msg'][0].lower()}{fault['msg'][1:]}"
