import pytest
from typer.main import get_command
from typer.testing import CliRunner

from flows.cli.main import app, main
from tasks.inference.body_fit import known_bodies
from tests.tasks.inference.test_body_fit import picture


def test_joints_become_a_rigged_file(tmp_path):
    answer = CliRunner().invoke(app, ["pose", str(picture(tmp_path)), "-o", str(tmp_path / "person.glb")])
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "person.glb").read_bytes()[:4] == b"glTF" and "of their box" in answer.output


def test_the_help_names_every_body_that_ships():
    (option,) = (option for option in get_command(app).commands["pose"].params if option.name == "body")
    assert f"{', '.join(known_bodies())}, or the path" in option.help


@pytest.mark.parametrize(
    ("joints", "says"),
    [
        ({"left_hip": [1, 1], "nose": [5000, 1]}, "joint nose is at (5000, 1), outside of the picture"),
        ({"left_hip": [1, 1, float("nan")]}, "joint left_hip has the confidence nan; give 0 to 1"),
        ({name: [9, 9] for name in ("left_hip", "right_hip", "nose", "left_knee")}, "all joints are at one place"),
        ({"left_hip": [1, 1], "nose": [2, 1]}, "2 joints are known; a body is fitted to at least 4"),
    ],
)
def test_what_cannot_be_fitted_is_one_sentence(tmp_path, monkeypatch, capsys, joints, says):
    file = picture(tmp_path, joints=joints)
    monkeypatch.setattr("sys.argv", ["farm3d", "pose", str(file), "-o", str(tmp_path / "person.glb")])
    with pytest.raises(SystemExit):
        main()
    error = capsys.readouterr().err.replace("\n", " ")
    assert says in error and "Traceback" not in error and not (tmp_path / "person.glb").exists()
