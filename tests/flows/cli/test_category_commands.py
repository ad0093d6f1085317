import pytest
from typer.testing import CliRunner

from flows.cli.main import app, main


def said(*arguments):
    answer = CliRunner().invoke(app, ["category", *arguments])
    return answer.exit_code, answer.output.replace("\n", " ")


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("FARM3D_CATEGORIES", str(tmp_path))
    return tmp_path


def test_a_new_animal_is_written_listed_and_told_how_to_make(own):
    code, output = said("new", "polar bear", "--segment-as", "bear,cow")
    assert code == 0 and str(own / "polar_bear.yaml") in output and "farm3d run polar_bear" in output
    _, listed = said("list")
    assert "polar_bear       segmented as bear, cow; truth: none" in listed
    assert "cow              segmented as cow; truth: barnyard" in listed


def test_the_help_says_where_the_file_goes():
    assert "FARM3D_CATEGORIES" in said("new", "--help")[1]


def test_an_animal_that_exists_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["farm3d", "category", "new", "cow", "--segment-as", "cow"])
    with pytest.raises(SystemExit):
        main()
    output = capsys.readouterr().err
    assert "error: category 'cow' exists: flows/categories/cow.yaml" in output and "Traceback" not in output
