"""The file of an animal that nobody has made before."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.plan.categories import category_files, explain, own_folder, shown
from flows.plan.checks import check_classes, check_truth
from models.core.category import Category

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def write_category(name: str, segment_as: Sequence[str], truth: str) -> Path:
    """The new file of a category; `truth` is barnyard, none or the path of a folder.

    Raises ValueError for a category that exists, and for one that no plan could be made of.
    """
    stem = "_".join(name.lower().split())
    if stem in category_files():
        raise ValueError(f"category {stem!r} exists: {shown(category_files()[stem])}; edit it, or choose another name")
    if not NAME.fullmatch(stem):
        raise ValueError(f"category name is {name!r}; use letters from a to z, digits and spaces, as polar bear")
    said: dict[str, Any] = {"name": stem, "segment_as": [each.strip() for each in segment_as if each.strip()]}
    if truth in ("barnyard", "none"):
        said |= {"truth": truth} if truth != "none" else {}
    else:
        said["truth"] = {"kind": "folder", "folder": str(Path(truth).expanduser().resolve())}
    try:
        category = Category.model_validate(said)
    except ValidationError as error:
        raise ValueError(f"category {name!r}: {explain(error)}") from error
    check_truth(category)
    check_classes(category)
    file = own_folder() / f"{stem}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(said, sort_keys=False, default_flow_style=None))
    return file
