import json
from contextlib import nullcontext
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.utilities.callables import parameter_schema

from flows.cli.run_progress import RunProgress, StageProgress
from flows.farm3d import farm3d
from tests.flows.cli.typed import ended, printed

STAGES = (StageProgress("crops", "done", 24, 24, "kept"), StageProgress("training", "failed"))


class Server:
    """A launcher and the client of its server, which starts nothing."""

    ui, hint = "http://ui", ""

    def __init__(self):
        self.made, self.unfinished, self.followed = [], [], []
        self.end = RunProgress("Completed", True, True, "", 60.0, STAGES, None)

    def up(self):
        pass

    def client(self):
        return nullcontext(self)

    def read_deployment_by_name(self, name):
        self.deployment = name
        schema = parameter_schema(farm3d).model_dump_for_openapi()
        return SimpleNamespace(id=uuid4(), parameter_openapi_schema=schema)

    def read_flow_runs(self, flow_run_filter):
        return self.unfinished

    def create_flow_run_from_deployment(self, deployment, parameters):
        self.made.append(parameters)
        return SimpleNamespace(id="new")

    def follow(self, read, title, quiet):
        self.followed.append((read.__self__.flow_run, title, quiet))
        if isinstance(self.end, BaseException):
            raise self.end
        return self.end


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr("flows.cli.launcher.Launcher", lambda port: server)
    monkeypatch.setattr("flows.cli.run_view.follow_run", server.follow)
    return server


def test_a_run_is_started_followed_and_told(server, tmp_path):
    code, output = printed("run", "cow", "--scale", "smoke", "--root", str(tmp_path), "--method", "magicpony")
    assert code == 0 and "cow is done in 1m00s: 24 pictures kept." in output
    assert server.deployment == "magicpony/cow" and server.made == [{"scale": "smoke", "root": str(tmp_path)}]
    assert server.followed == [("new", "cow, smoke", False)]


def test_json_is_all_that_stands_on_the_standard_output(server, tmp_path):
    code, output = printed("run", "cow", "--scale", "smoke", "--root", str(tmp_path), "--quiet", "--json")
    document = json.loads(output)
    assert code == 0 and document["state"] == "Completed" and document["stages"]["crops"]["done"] == 24
    assert server.followed[0][2] is True


def test_a_run_that_does_the_same_already_is_followed_instead(server, tmp_path):
    same = {"category": "cow", "scale": "smoke", "root": str(tmp_path)}
    others = [{**same, "changes": {"images": 9}}, {**same, "scale": "laptop"}, same]
    server.unfinished = [
        SimpleNamespace(id=number, name=f"run-{number}", parameters=parameters)
        for number, parameters in enumerate(others)
    ]
    assert printed("run", "cow", "--scale", "smoke", "--root", str(tmp_path))[0] == 0
    assert server.followed[0][0] == 2 and not server.made


def test_a_run_that_was_started_elsewhere_without_a_word_of_scale_and_root_is_the_same(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server.unfinished = [SimpleNamespace(id="theirs", name="a-run", parameters={"category": "cow"})]
    assert printed("run", "cow", "--scale", "smoke")[0] == 0 and server.made and server.followed[-1][0] == "new"
    assert printed("run", "cow", "--root", "other")[0] == 0 and server.followed[-1][0] == "new"
    assert printed("run", "cow")[0] == 0 and server.followed[-1][0] == "theirs" and len(server.made) == 2


def test_photos_of_ones_own_are_learnt_from_and_a_run_of_others_is_not_followed(server, tmp_path):
    photos, root = tmp_path / "my cows", str(tmp_path / "data")
    photos.mkdir()
    (photos / "cow.jpg").write_bytes(b"whatever it holds")
    wanted = {"scale": "smoke", "root": root, "changes": {"own_photos": {"folder": str(photos)}}}
    other = {**wanted, "changes": {"own_photos": {"folder": "elsewhere"}}}
    drawn = {"scale": "smoke", "root": root}
    server.unfinished = [
        SimpleNamespace(id=number, name=f"run-{number}", parameters=parameters)
        for number, parameters in enumerate((other, drawn))
    ]
    typed = ("run", "cow", "--scale", "smoke", "--root", root, "--photos", str(photos))
    assert printed(*typed)[0] == 0 and server.made == [wanted]
    server.unfinished.append(SimpleNamespace(id="mine", name="run-2", parameters=wanted))
    assert printed(*typed)[0] == 0 and server.followed[-1][0] == "mine" and len(server.made) == 1


def test_a_run_from_nothing_asks_for_it_alone(server, tmp_path):
    root = str(tmp_path)
    assert printed("run", "cow", "--scale", "smoke", "--root", root, "--from-nothing")[0] == 0
    asked = {"method": {"warm_start": {"kind": "nothing"}}}
    assert server.made == [{"scale": "smoke", "root": root, "changes": asked}]


def test_a_folder_of_photos_that_is_not_there_is_refused_before_anything_starts(server, monkeypatch, capsys, tmp_path):
    code, _, err = ended(monkeypatch, capsys, "run", "cow", "--photos", str(tmp_path / "gone"))
    assert code == 1 and "gone" in err and "there is no such folder" in err and not server.made


def test_ctrl_c_says_that_the_run_goes_on_and_how_to_stop_or_see_it(server, tmp_path, monkeypatch, capsys):
    server.end = KeyboardInterrupt()
    code, out, err = ended(monkeypatch, capsys, "run", "cow", "--scale", "smoke", "--root", str(tmp_path))
    assert code == 130 and not out
    assert "The run goes on without this terminal." in err
    assert f"run cow --scale smoke --root {tmp_path}\n  in a browser  http://ui\n" in err
    assert "farm3d down    (the first line continues it later)" in err


def test_a_run_that_fails_says_where_and_why_and_how_to_go_on(server, tmp_path, monkeypatch, capsys):
    message = "Flow run encountered an exception: NothingKept: too few"
    server.end = RunProgress("Failed", True, False, message, 60.0, STAGES, None)
    code, out, err = ended(monkeypatch, capsys, "run", "cow", "--root", str(tmp_path))
    assert code == 1 and not out
    assert "error: cow failed at its training: NothingKept: too few" in err
    assert f"run cow --root {tmp_path}` continues" in err


def test_an_unknown_category_is_refused_before_anything_starts(server, capsys, monkeypatch):
    code, _, err = ended(monkeypatch, capsys, "run", "dragon")
    assert code == 1 and "'dragon' is unknown; choose cow" in err and not server.made


def test_an_unknown_method_is_refused_before_anything_starts(server, monkeypatch, capsys):
    code, _, err = ended(monkeypatch, capsys, "run", "cow", "--method", "dreams")
    assert code == 1 and "error: method 'dreams' is unknown; choose farm3d" in err and not server.made


def test_ctrl_c_before_the_run_begins_says_how_to_stop_what_is_up(server, monkeypatch, capsys):
    def up():
        raise KeyboardInterrupt

    server.up = up
    code, out, err = ended(monkeypatch, capsys, "run", "cow")
    assert code == 130 and not out and not server.made
    assert "Interrupted before the run began." in err and "down` stops what is up already" in err
