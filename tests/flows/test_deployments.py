import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from prefect import Flow
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flows import load_flow_from_entrypoint
from prefect.states import Scheduled

from flows import deployments
from flows.control.growth_events import DUE
from flows.deployments import list_deployments, name_of_deployment, write_prefect_file
from flows.plan.categories import REPOSITORY, categories
from flows.plan.new_category import write_category
from flows.plan.overrides import merged
from flows.plan.plan import load_plan
from models.methods import methods
from storage.runs.releases import published_releases
from storage.store import bundles, layout
from storage.store.layout import Store
from tasks.evaluate import PHOTOS, SEEN_PHOTOS

DEPLOYMENTS = list_deployments()


def name_of(deployment):
    return f"{deployment['entrypoint']}-{deployment['name']}"


def entrypoint_of(flow):
    """All methods have one story."""
    return f"flows.{'farm3d' if flow in methods() else flow}.{flow}"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_every_deployment_has_a_flow_that_takes_its_parameters(deployment):
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    assert isinstance(flow, Flow) and deployment["entrypoint"] == entrypoint_of(flow.name)
    if flow.name != "aftermath":
        flow.validate_parameters(deployment.get("parameters", {}))


@pytest.mark.parametrize("deployment", list_deployments(["cow"]), ids=name_of)
def test_the_form_of_a_deployment_names_and_explains_everything_in_it(deployment):
    """A part may be explained by its own class; what a run is asked for first, and what it changes, by its field."""
    schema = load_flow_from_entrypoint(deployment["entrypoint"]).parameters.model_dump()
    parts = {f"#/definitions/{name}": part for name, part in schema["definitions"].items()}
    for place, part in {"": schema, **parts}.items():
        assert not place or (part["title"] and part["description"]), place
        for name, knob in part.get("properties", {}).items():
            own = part is schema or place.endswith("Changes")
            explained = knob if own else parts.get(knob.get("$ref"), {}) | knob
            assert knob["title"] and len(explained.get("description", "")) > 3, f"{place}.{name}"
            assert knob["title"].replace(" ", "_") == name, "as it is typed"


@pytest.mark.parametrize("deployment", list_deployments(["cow"]), ids=name_of)
def test_what_the_form_gives_as_an_example_of_changes_may_be_pasted(deployment):
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    if changes := flow.parameters.properties.get("changes"):
        text = changes["description"]
        example = json.loads(text[text.index("{") : text.rindex("}") + 1])
        parameters = flow.validate_parameters({**deployment["parameters"], "changes": example})
        method = flow.name if flow.name in methods() else "farm3d"
        plan = load_plan("cow", "smoke", "data", parameters["changes"], method)
        assert plan != load_plan("cow", "smoke", "data", method=method)


@pytest.mark.parametrize("flow", [*methods(), "refresh", "evaluation", "compare"])
def test_every_category_has_every_flow_that_takes_one(flow):
    entrypoint = entrypoint_of(flow)
    parameters = {d["name"]: d["parameters"]["category"] for d in DEPLOYMENTS if d["entrypoint"] == entrypoint}
    assert parameters == {name: name for name in categories()}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_a_deployment_is_named_as_prefect_names_it(deployment):
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    assert name_of_deployment(deployment) == f"{flow.name}/{deployment['name']}"


def test_the_version_of_a_deployment_changes_with_what_it_says_and_with_the_code(monkeypatch, tmp_path):
    first = {name_of_deployment(each): each["version"] for each in list_deployments()}
    assert len(set(first.values())) == len(first)
    template = tmp_path / "prefect.yaml"
    template.write_text(deployments.TEMPLATE.read_text().replace("More pictures of", "Pictures of"))
    with monkeypatch.context() as patch:
        patch.setattr(deployments, "TEMPLATE", template)
        other = {name_of_deployment(each): each["version"] for each in list_deployments()}
    assert {name for name in first if other[name] != first[name]} == {f"refresh/{name}" for name in categories()}

    monkeypatch.setattr(deployments, "PACKAGES", tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.py").write_text("SIZE = 1")
    lines = [deployments.digest_of_code.__wrapped__()]
    (tmp_path / "models" / "one.py").write_text("SIZE = 2")
    assert deployments.digest_of_code.__wrapped__() not in lines
    monkeypatch.setattr(deployments, "digest_of_code", lambda: "another code")
    assert not {each["version"] for each in list_deployments()} & {*first.values()}


def test_no_folder_of_the_machine_that_deploys_is_deployed(tmp_path):
    written = yaml.safe_load(write_prefect_file(tmp_path, DEPLOYMENTS[:1]).read_text())
    assert written["pull"] == [{"flows.control.checkout.enter_checkout": {}}]
    assert len(written["deployments"]) == 1 and str(REPOSITORY) not in json.dumps(written)


def test_every_animal_is_learnt_again_when_its_own_data_set_has_grown():
    matched = {
        (deployment["name"], trigger["match"]["prefect.resource.id"], *trigger["expect"])
        for deployment in DEPLOYMENTS
        for trigger in deployment.get("triggers", ())
        if trigger["match"]["prefect.resource.id"].startswith("farm3d.dataset.")
    }
    assert matched == {(name, f"farm3d.dataset.{name}", DUE) for name in categories()}


def test_no_crash_of_what_clears_up_starts_it_again():
    (upkeep,) = (deployment for deployment in DEPLOYMENTS if deployment["entrypoint"] == "flows.aftermath.aftermath")
    (trigger,) = upkeep["triggers"]
    assert trigger["match_related"]["prefect.resource.id"] == "prefect.tag.farm3d"
    assert all(("farm3d" in deployment["tags"]) == (deployment is not upkeep) for deployment in DEPLOYMENTS)


def test_every_deployment_and_every_automation_says_what_it_is_for():
    triggers = [trigger for deployment in DEPLOYMENTS for trigger in deployment.get("triggers", ())]
    assert triggers and all(len(each.get("description", "")) > 20 for each in (*DEPLOYMENTS, *triggers))
    told = [(each["entrypoint"].rpartition(".")[2], each["description"]) for each in DEPLOYMENTS]
    assert len(set(told)) == len(told), "two deployments of a name cannot be told apart"


def test_no_placeholder_is_left_and_no_two_deployments_share_what_they_are():
    assert "CATEGORY" not in json.dumps(DEPLOYMENTS)
    assert len(set(map(name_of, DEPLOYMENTS))) == len(DEPLOYMENTS)


def test_a_category_that_was_just_written_is_deployed_and_found_by_the_worker(tmp_path, monkeypatch):
    of_one = len(DEPLOYMENTS) // len(categories())
    monkeypatch.setenv("FARM3D_CATEGORIES", str(tmp_path))
    (tmp_path / "yak.yaml").write_text("name: yak\nsegment_as: [cow]\n")
    written = yaml.safe_load(write_prefect_file(tmp_path / "home", list_deployments()).read_text())["deployments"]
    assert len(written) == len(DEPLOYMENTS) + of_one and "flows.farm3d.farm3d-yak" in map(name_of, written)
    environments = [deployment["work_pool"]["job_variables"]["env"] for deployment in written]
    assert all(environment["FARM3D_CATEGORIES"] == str(tmp_path) for environment in environments)


QUICK = {
    "images": 4,
    "photos": 8,
    "least_kept": 0.1,
    "generator": {"steps": 8},
    "method": {"training": {"steps": 4, "save_every": 4, "report_every": 2, "panel_every": 4}},
}


@pytest.mark.slow
def test_an_animal_without_truth_runs_to_a_release_that_says_so(launcher, tmp_path, monkeypatch):
    monkeypatch.setenv("FARM3D_CATEGORIES", str(tmp_path / "animals"))
    write_category("yak", ["dog", "sheep", "cow"], "none")
    file, root = write_prefect_file(tmp_path, list_deployments()), str(tmp_path / "data")
    launcher.prefect("--no-prompt", "deploy", "--name", "yak", "--prefect-file", str(file), quiet=True)
    parameters = json.dumps({"scale": "smoke", "root": root, "changes": QUICK})
    assert launcher.prefect("deployment", "run", "farm3d/yak", "--params", parameters, "--watch") == 0

    (release,) = published_releases(Store(root), "yak")
    ((table, scores),) = release.about.scores.items()
    assert table in (PHOTOS, SEEN_PHOTOS), "of eight crops it may be that none is held out"
    assert {"mask IoU", "view word"} <= {score.metric for score in scores}
    card = bundles.read(layout.release(release.ref), "MODEL_CARD.md").decode()
    assert f"Measured on {table}; no ground truth for yak:" in card
    with launcher.client() as client:
        described = {artifact.key: artifact.description for artifact in client.read_artifacts()}
    assert described[f"scores-yak-{table.replace(' ', '-')}"].endswith("no ground truth for yak")


CHANGED = {
    "smplify": {"kind": "smplify", "fit": {"starts": 2}},
    "meshrcnn": {"kind": "meshrcnn", "meshes": "true", "training": {"steps": 9}, "predictor": {"stages": 1}},
    "meshinversion": {"kind": "meshinversion", "search": {"texture": "l1"}, "generator": {"symmetric": "nothing"}},
}
"""What somebody sets in the forms of other methods than the main one."""


@pytest.mark.slow
@pytest.mark.parametrize("method", CHANGED)
def test_changes_of_any_method_pass_the_server_and_are_what_runs(launcher, tmp_path, method):
    """The server checks what a form posts against the flow's schema. The run that waits for its hour is deleted."""
    parameters = {"scale": "smoke", "root": str(tmp_path), "changes": {"images": None, "method": CHANGED[method]}}
    with launcher.client() as client:
        deployment = client.read_deployment_by_name(f"{method}/cow")
        assert deployment.enforce_parameter_schema
        tomorrow = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1))
        run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters, state=tomorrow)
        client.delete_flow_run(run.id)
        with pytest.raises(PrefectHTTPStatusError, match="409 Conflict"):
            wrong = {**parameters, "changes": {"method": {"kind": method, "steps": "many"}}}
            client.create_flow_run_from_deployment(deployment.id, parameters=wrong, state=tomorrow)
    flow = load_flow_from_entrypoint(f"flows.farm3d.{method}")
    plan = load_plan("cow", "smoke", str(tmp_path), flow.validate_parameters(run.parameters)["changes"], method)
    wanted = merged(load_plan("cow", "smoke", method=method).method.model_dump(mode="json"), CHANGED[method])
    assert plan.method.model_dump(mode="json") == wanted and plan.images
