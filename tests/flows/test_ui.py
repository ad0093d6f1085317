"""The pages of the Prefect UI as a person finds them, in a headless browser."""

import json

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from flows.farm3d import farm3d
from flows.plan.plan import load_plan
from tests.flows.browser import needs_chromium, open_page


def authorisation(launcher):
    return launcher.environment.get("PREFECT_API_AUTH_STRING")


@pytest.mark.slow
@needs_chromium
def test_whatever_is_chosen_in_the_form_is_what_runs(launcher, tmp_path):
    """One member of each union, and one within another; the run that is posted is stopped on its way."""
    with launcher.client() as client:
        deployment = client.read_deployment_by_name("farm3d/cow")
    with open_page(tmp_path / "browser") as page:
        page.call("Network.setBlockedURLs", urls=["*/create_flow_run"])
        page.open(f"{launcher.ui}/deployments/deployment/{deployment.id}/run", authorisation(launcher))
        for member in ("Dask", "Own Photos", "Transformers", "Nvdiffrast", "Farm3D", "From Nothing"):
            page.click(member)
        page.click("Submit")
        body = page.wait_for_post("/create_flow_run")
        assert not page.errors()
    parameters = json.loads(json.dumps(body["parameters"]))
    # The folder itself was not typed.
    assert parameters["changes"].pop("own_photos")["kind"] == "folder"
    changes = farm3d.validate_parameters(parameters)["changes"]
    plan = load_plan("cow", "smoke", str(tmp_path), changes)
    assert (plan.runner.kind, plan.segmenter.kind, plan.renderer.kind) == ("dask", "transformers", "nvdiffrast")
    assert plan.method.kind == "farm3d" and plan.method.warm_start.kind == "nothing"


@pytest.mark.slow
@needs_chromium
def test_the_page_of_a_run_lists_its_tasks_and_each_of_theirs_opens(launcher, tmp_path):
    with launcher.client() as client:
        ended = [run for run in client.read_flow_runs() if run.name == "farm3d-cow-smoke" and run.state.is_completed()]
        if not ended:
            pytest.skip("no farm ended on this server; tests/flows/test_farm3d.py makes one")
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[ended[0].id])))
    # A sub-flow has a task run too, which the page lists among the sub-flows.
    stories = {task.name.partition("-")[0]: task for task in tasks if not task.name.startswith("dataset")}
    assert {"train", "evaluate", "publish"} <= stories.keys()
    with open_page(tmp_path / "browser") as page:
        page.open(f"{launcher.ui}/runs/flow-run/{ended[0].id}", authorisation(launcher))
        page.click("Task Runs")
        for task in stories.values():
            page.wait_for(f"document.body && document.body.innerText.includes({task.name!r})")
        for name in ("train", "evaluate", "publish"):
            page.open(f"{launcher.ui}/runs/task-run/{stories[name].id}")
            page.wait_for(f"document.body && document.body.innerText.includes({stories[name].name!r})")
        assert "No task runs" not in page.text() and not page.errors()
