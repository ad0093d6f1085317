"""Commands as tests type them."""

import pytest
from typer.testing import CliRunner

from flows.cli.main import app, main


def said(*arguments):
    """Exit status and everything printed."""
    answer = CliRunner().invoke(app, list(arguments))
    return answer.exit_code, answer.output


def printed(*arguments):
    """Exit status and the standard output alone."""
    answer = CliRunner().invoke(app, list(arguments))
    return answer.exit_code, answer.stdout


def ended(monkeypatch, capsys, *arguments):
    """Exit status, standard output and standard error of a command as a shell runs it."""
    monkeypatch.setattr("sys.argv", ["farm3d", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code, *capsys.readouterr()
