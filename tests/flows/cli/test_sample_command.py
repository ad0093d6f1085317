import pytest
from typer.testing import CliRunner

from flows.cli.main import app, main
from tasks.inference import sampling


def test_every_file_is_written_into_the_folder(tmp_path, monkeypatch):
    asked = []

    def made(*arguments):
        asked.append(arguments)
        return {"sheet.jpg": b"picture", "cow-1.glb": b"glTF"}

    monkeypatch.setattr(sampling, "sample_animals", made)
    words = ["sample", "meshinversion/cow", "-n", "1", "--seed", "3", "-o", str(tmp_path / "new" / "cows")]
    answer = CliRunner().invoke(app, [*words, "--root", str(tmp_path)])
    assert answer.exit_code == 0, answer.output
    assert asked == [("meshinversion/cow", 1, 3, 192, str(tmp_path))]
    assert (tmp_path / "new" / "cows" / "cow-1.glb").read_bytes() == b"glTF" and "sheet.jpg" in answer.output


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cow", "'cow' is no METHOD/CATEGORY; type it as in `farm3d sample meshinversion/cow`"),
        ("meshinversion/cow", "no release of method 'meshinversion' of 'cow', there is none; make one with"),
    ],
)
def test_what_cannot_be_sampled_is_one_sentence(name, says, tmp_path, monkeypatch, capsys):
    output = tmp_path / "cows"
    monkeypatch.setattr("sys.argv", ["farm3d", "sample", name, "-o", str(output), "--root", str(tmp_path)])
    with pytest.raises(SystemExit):
        main()
    error = capsys.readouterr().err.replace("\n", " ")
    assert says in " ".join(error.split()) and "Traceback" not in error and not output.exists()


def test_a_file_in_the_place_of_the_folder_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    taken = tmp_path / "cows"
    taken.write_text("mine")
    monkeypatch.setattr("sys.argv", ["farm3d", "sample", "meshinversion/cow", "-o", str(taken)])
    with pytest.raises(SystemExit):
        main()
    assert "is a file; give the name of a folder to write to" in capsys.readouterr().err.replace("\n", " ")
    assert taken.read_text() == "mine"
