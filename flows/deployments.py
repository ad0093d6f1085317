"""The deployments: every flow that takes a category, for every category. prefect.yaml says what each looks like."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from flows.plan.categories import VARIABLE, categories, own_folder
from flows.plan.work_folder import shipped_file

TEMPLATE = shipped_file("prefect.yaml")
PLACEHOLDER = "CATEGORY"
PACKAGES = Path(__file__).parents[1]


def list_deployments(names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Every deployment of these categories, or of all there are, as Prefect reads them from its file.

    The version of one changes with whatever it says and with any line of the code, whose types make its form.
    """
    template = yaml.safe_load(TEMPLATE.read_text())
    deployments = [
        json.loads(json.dumps(deployment).replace(PLACEHOLDER, name))
        for name in (categories() if names is None else names)
        for deployment in template["categories"]
    ]
    deployments += template["deployments"]
    if VARIABLE in os.environ:
        for deployment in deployments:
            variables = deployment["work_pool"]["job_variables"]
            variables["env"] = {**variables["env"], VARIABLE: str(own_folder())}
    for deployment in deployments:
        told = json.dumps([deployment, template["pull"], digest_of_code()], sort_keys=True)
        deployment["version"] = sha256(told.encode()).hexdigest()[:12]
    return deployments


@cache
def digest_of_code() -> str:
    """Of every module of ours."""
    total = sha256()
    for package in ("flows", "tasks", "models", "storage"):
        for file in sorted((PACKAGES / package).rglob("*.py")):
            total.update(f"{file.relative_to(PACKAGES)} {sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def name_of_deployment(deployment: Mapping[str, Any]) -> str:
    """As Prefect names it: FLOW/NAME."""
    return f"{deployment['entrypoint'].rpartition('.')[2]}/{deployment['name']}"


def write_prefect_file(folder: Path, deployments: Sequence[Mapping[str, Any]]) -> Path:
    """The file in this folder from which `prefect deploy --all --prefect-file FILE` deploys these."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / TEMPLATE.name
    steps = yaml.safe_load(TEMPLATE.read_text())["pull"]
    contents = {"name": "farm3d", "pull": steps, "deployments": [dict(deployment) for deployment in deployments]}
    file.write_text(yaml.safe_dump(contents, sort_keys=False))
    return file
