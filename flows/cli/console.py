"""What the command line prints: the words of others are text, never markup and never orders to the terminal."""

import json
import logging
import sys
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

KEPT = "\n\t"
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, marks of the direction of writing, and bytes that are no text."""


class PlainConsole(Console):
    """A console on which square brackets, colons and control characters are shown as they are written."""

    def __init__(self, stderr: bool = False) -> None:
        """Of the standard output, or of the standard error."""
        super().__init__(highlight=False, soft_wrap=True, markup=False, emoji=False, stderr=stderr)

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - rich prints whatever it is given
        """Print texts as they are, and what rich draws by itself, such as a progress bar."""
        super().print(*(printable(item) if isinstance(item, str) else item for item in objects), **options)


class ConsoleHandler(logging.Handler):
    """Prints log records on the standard error, above whatever is drawn there, without what a terminal would obey."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        error_console.print(self.format(record))


console = PlainConsole()
error_console = PlainConsole(stderr=True)


def printable(text: str) -> str:
    """The text with every character that a terminal would obey, hide or refuse written as its escape sequence."""
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode()
        if unicodedata.category(character) in HIDDEN and character not in KEPT
        else character
        for character in text
    )


def counted(number: int, noun: str) -> str:
    """A number of things: `1 photo`, `2 photos`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_json(document: object) -> None:
    """Print one JSON document in ASCII to the standard output; a number that is not finite becomes null."""
    from pydantic_core import to_jsonable_python

    console.print(json.dumps(to_jsonable_python(document, inf_nan_mode="null"), indent=1))


@contextmanager
def announce(activity: str) -> Generator[None]:
    """Say at once what the block does, which takes a while: a spinner on a terminal, elsewhere a line.

    On the standard error, so that it never stands among the answers.
    """
    if not is_live():
        error_console.print(f"{activity} ...")
        yield
        return
    with error_console.status(printable(activity)):
        yield


def is_live() -> bool:
    """Whether a person looks at a terminal that can draw the same lines again."""
    return error_console.is_terminal and not error_console.is_dumb_terminal


def set_up_terminal() -> None:
    """Log warnings to the standard error; print what the terminal's encoding lacks as escape sequences."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    logging.basicConfig(level=logging.WARNING, handlers=[ConsoleHandler()], format="%(message)s")
