import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from flows.cli.main import app
from flows.cli.options import complete_category
from tests.flows.cli.typed import said

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"torch", "prefect", "httpx", "pyarrow", "diffusers", "transformers", "fsspec", "PIL", "numpy"}
"""Packages that take longer to load than a person waits for a help text."""
TABLES = ("status", "evaluate", "lineage", "verify", "run", "category list", "dataset list", "dataset show")
TABLES += ("dataset diff", "dataset prune")


def leaves(group, *names):
    for name, command in group.commands.items():
        yield from leaves(command, *names, name) if hasattr(command, "commands") else [((*names, name), command)]


COMMANDS = {" ".join(names): command for names, command in leaves(typer.main.get_command(app))}


def farm3d(*words, cwd=ROOT, **variables):
    command = [sys.executable, "-X", "importtime", "-m", "farm3d", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_help_has_examples_that_can_be_typed(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    heading, *lines = COMMANDS[name].epilog.split("\n\n")
    assert heading.startswith("Example") and lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        assert words[: 1 + len(name.split())] == ["farm3d", *name.split()]
        COMMANDS[name].make_context(name, words[1 + len(name.split()) :])


@pytest.mark.parametrize("words", [(), ("dataset",), ("category",)])
def test_the_help_of_a_group_has_examples_too(words):
    code, output = said(*words, "--help")
    assert code == 0 and " ".join(("Examples: farm3d", *words)) in " ".join(output.split())


def test_every_option_says_what_it_is():
    silent = [
        f"{name} {option.name}" for name, command in COMMANDS.items() for option in command.params if not option.help
    ]
    assert not silent


@pytest.mark.parametrize("name", TABLES)
def test_what_prints_a_table_prints_json(name):
    assert any("--json" in option.opts for option in COMMANDS[name].params)


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("--version",)])
def test_help_needs_nothing_that_takes_long_to_load(words, tmp_path):
    done = farm3d(*words, cwd=tmp_path)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 0 and "typer" in loaded and not loaded & HEAVY


def test_the_version_is_that_of_the_package():
    code, output = said("--version")
    assert (
        code == 0 and f'version = "{output.removeprefix("farm3d ").strip()}"' in (ROOT / "pyproject.toml").read_text()
    )


def test_the_shell_completes_verbs_and_categories(tmp_path):
    assert complete_category("s") == ["sheep"] and {"cow", "horse"} <= set(complete_category(""))
    asked = {"_FARM3D_COMPLETE": "complete_bash", "COMP_WORDS": "farm3d run c", "COMP_CWORD": "2"}
    code = "import sys; sys.argv[0] = 'farm3d'; from flows.cli.main import main; main()"
    environment = {**os.environ, **asked, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["cow"]


def test_json_is_ascii_and_has_no_number_that_is_none(capsys):
    from flows.cli.console import print_json

    print_json({"where": "k\x1b\u202ehl", "mean": float("nan")})
    text = capsys.readouterr().out
    assert text.isascii() and "\x1b" not in text and json.loads(text) == {"where": "k\x1b\u202ehl", "mean": None}
