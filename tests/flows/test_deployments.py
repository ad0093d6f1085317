import json

import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

from flows.control.growth import DUE
from flows.deployments import list_deployments, write_prefect_file
from flows.plan.categories import categories

DEPLOYMENTS = list_deployments()


def name_of(deployment):
    return f"{deployment['entrypoint']}-{deployment['name']}"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_every_deployment_has_a_flow_that_takes_its_parameters(deployment):
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    assert isinstance(flow, Flow) and deployment["entrypoint"] == f"flows.{flow.name}.{flow.name}"
    flow.validate_parameters(deployment.get("parameters", {}))


@pytest.mark.parametrize("flow", ["farm3d", "magicpony", "refresh", "evaluation"])
def test_every_category_has_every_flow_that_takes_one(flow):
    entrypoint = f"flows.{flow}.{flow}"
    parameters = {d["name"]: d["parameters"]["category"] for d in DEPLOYMENTS if d["entrypoint"] == entrypoint}
    assert parameters == {name: name for name in categories()}


def test_every_animal_is_learnt_again_when_its_own_data_set_has_grown():
    matched = {
        (deployment["name"], trigger["match"]["prefect.resource.id"], *trigger["expect"])
        for deployment in DEPLOYMENTS
        for trigger in deployment.get("triggers", ())
    }
    assert matched == {(name, f"farm3d.dataset.{name}", DUE) for name in categories()}


def test_no_placeholder_is_left_and_no_two_deployments_share_what_they_are():
    assert "CATEGORY" not in json.dumps(DEPLOYMENTS)
    assert len(set(map(name_of, DEPLOYMENTS))) == len(DEPLOYMENTS)


def test_a_category_that_was_just_written_is_deployed_and_found_by_the_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("FARM3D_CATEGORIES", str(tmp_path))
    (tmp_path / "pig.yaml").write_text("name: pig\nsegment_as: [cow]\n")
    written = yaml.safe_load(write_prefect_file(tmp_path / "home").read_text())["deployments"]
    assert len(written) == len(DEPLOYMENTS) * 4 // 3 and "flows.farm3d.farm3d-pig" in map(name_of, written)
    environments = [deployment["work_pool"]["job_variables"]["env"] for deployment in written]
    assert all(environment["FARM3D_CATEGORIES"] == str(tmp_path) for environment in environments)
