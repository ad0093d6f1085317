import pytest

from flows.cli.launcher import ServerDown
from flows.cli.main import main
from tests.flows.cli.typed import ended, said


def test_without_a_verb_it_lists_them():
    _, output = said()
    assert all(verb in output for verb in ("up", "down", "status", "run"))


def test_a_missing_server_is_one_sentence(monkeypatch, capsys):
    class Down:
        def __init__(self):
            raise ServerDown("nothing answers; start one with `farm3d up`")

    monkeypatch.setattr("flows.cli.launcher.Launcher", Down)
    _, _, output = ended(monkeypatch, capsys, "down")
    assert "error: nothing answers; start one with `farm3d up`" in output and "Traceback" not in output


def test_what_can_be_mended_is_one_sentence_and_a_bug_is_a_traceback_that_says_so(monkeypatch, capsys):
    def fail(error):
        def command(*_):
            raise error

        monkeypatch.setattr("storage.runs.releases.published_releases", command)

    fail(PermissionError(13, "Permission denied", "data/cow"))
    code, out, err = ended(monkeypatch, capsys, "promote", "cow/a")
    assert code == 1 and not out and "\nerror: data/cow: permission denied; change its permissions" in err
    fail(KeyError("a"))
    monkeypatch.setattr("sys.argv", ["farm3d", "promote", "cow/a"])
    with pytest.raises(KeyError):
        main()
    assert "\nthis is a bug in farm3d, please report it" in capsys.readouterr().err
