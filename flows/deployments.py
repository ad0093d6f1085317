"""The deployments: every flow that takes a category, for every category. prefect.yaml says what each looks like."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from flows.plan.categories import VARIABLE, categories, own_folder
from flows.plan.work_folder import shipped_file

TEMPLATE = shipped_file("prefect.yaml")
PLACEHOLDER = "CATEGORY"


def list_deployments(names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Every deployment of these categories, or of all there are, as Prefect reads them from its file."""
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
    return deployments


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
