import io
import logging
import os
import subprocess
import sys

import pytest

from flows.cli import console as consoles
from flows.cli.console import ConsoleHandler, PlainConsole, console, counted, error_console, printable, set_up_terminal

HOSTILE = (
    "a[/b] [red]x[/red] [link=http://evil]cow[/link] :smile: \x1b[31m\x1b]0;title\x07 \u202egpj.exe \x9b k\udcfchl"
)


@pytest.mark.parametrize(("printed", "stream"), [(console, "out"), (error_console, "err")])
def test_names_with_markup_and_orders_are_printed_as_text(printed, stream, capsys):
    printed.print(f"skipped {HOSTILE}.jpg: no picture")
    text = getattr(capsys.readouterr(), stream)
    assert "a[/b] [red]x[/red] [link=http://evil]cow[/link] :smile:" in text
    assert r"\x1b[31m\x1b]0;title\x07 \u202egpj.exe \x9b k\udcfchl.jpg: no picture" in text
    assert not set(text) & set("\x1b\x07\x9b\u202e\udcfc")


def test_ordinary_text_is_left_alone():
    text = "Grüße, 牛, café\tα\nnew line 🐄"
    assert printable(text) == text


def test_one_thing_is_no_plural():
    assert [counted(number, "photo") for number in (0, 1, 2)] == ["0 photos", "1 photo", "2 photos"]


def test_every_console_of_the_command_line_is_plain():
    from flows.cli import category_commands, dataset_commands, photo_commands

    modules = (photo_commands, dataset_commands, category_commands)
    assert all(isinstance(module.console, PlainConsole) for module in modules)


def test_log_records_give_the_terminal_no_orders(capsys):
    record = logging.makeLogRecord({"msg": "left out: %s", "args": ("\x1b[2J.txt",)})
    ConsoleHandler().emit(record)
    assert capsys.readouterr().err == "left out: \\x1b[2J.txt\n"


def test_what_the_terminal_cannot_show_is_written_as_an_escape(monkeypatch):
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", write_through=True)
    monkeypatch.setattr(consoles.sys, "stdout", latin)
    set_up_terminal()
    console.print("牛")
    assert latin.buffer.getvalue() == b"\\u725b\n"


def test_a_usage_error_gives_the_terminal_no_orders():
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "from flows.cli.main import main; main()",
            "reconstruct",
            b"no\x1b[31m\xfc[red]x[/red].jpg",
            "-o",
            "x.glb",
        ],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert answer.returncode == 2 and b"does not" in answer.stderr and b"\x1b" not in answer.stderr
    assert b"Traceback" not in answer.stderr
