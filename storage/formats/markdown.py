"""Words of others inside a markdown page: shown as they are, whatever they hold."""

import re
from collections.abc import Mapping, Sequence

SPECIAL = re.compile(r"([\\`*_\[\]<>&|~])")


def escape_markdown(text: str) -> str:
    """The text in one line, without emphasis, links, pictures, tables, HTML or headings."""
    return SPECIAL.sub(r"\\\1", _one_line(text))


def code_span(text: str) -> str:
    """The text in one line as code, between more backticks in a row than it has itself."""
    line = _one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if len(fence) > 1 or not line.strip() else ""
    return f"{fence}{space}{line}{space}{fence}"


def markdown_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows with the same keys as a table."""
    if not rows:
        return ""
    lines = [[*rows[0]], ["---"] * len(rows[0]), *([*row.values()] for row in rows)]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def _one_line(text: str) -> str:
    """White space of any kind becomes one space; what cannot be shown is left out."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())
