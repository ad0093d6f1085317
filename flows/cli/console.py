"""What the command line prints: the words of others are text, never markup and never orders to the terminal."""

import logging
import sys
import unicodedata
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


class PlainFormatter(logging.Formatter):
    """Log records for the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, without what a terminal would obey."""
        return printable(super().format(record))


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


def set_up_terminal() -> None:
    """Log warnings to the standard error; print what the terminal's encoding lacks as escape sequences."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
