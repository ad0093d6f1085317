"""The page of the Python door, from its docstrings, and of what scripts in a shell need.

python docs/api.py docs/python.md
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import farm3d

HEAD = """# Python and scripts

Written by `python docs/api.py docs/python.md` from the docstrings of `farm3d.py`. [farm3d.ipynb](farm3d.ipynb) shows
it at work.
"""

TAIL = """
## From a shell

Every verb that prints a table prints one JSON document with `--json`: `status`, `run`, `evaluate`, `lineage`, `verify`,
`category list`, and `dataset` `list`, `show`, `diff`, `prune`. Answers go to the standard output, progress and errors
to the standard error. `--quiet` leaves the progress out.

| exit status | means |
|---|---|
| 0 | done |
| 1 | not done, or `verify` found faults: the standard error says what to do; a traceback is a bug |
| 2 | typed wrongly |
| 130 | interrupted by Ctrl-C; of `farm3d run` only the view ends, the run goes on |

`farm3d --install-completion` teaches the shell verbs, options and categories. Data lie in `data` of the folder where a
command is typed, or where `--root` says.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join((HEAD, _text(farm3d).partition("\n\nThe same module")[0], *_entries(), TAIL))


def _entries() -> Iterator[str]:
    for name in farm3d.__all__:
        thing = getattr(farm3d, name)
        yield from _entry(f"farm3d.{name}", thing, "##")
        for member, value in vars(thing).items() if inspect.isclass(thing) else ():
            if not member.startswith("_"):
                yield from _entry(f"{name}.{member}", value, "###")


def _entry(name: str, thing: object, level: str) -> Iterator[str]:
    """Heading, signature and text of a class, a function or a property."""
    yield f"\n{level} {name}\n"
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        plain = {each.name: each.replace(annotation=_words(each.annotation)) for each in signature.parameters.values()}
        plain.pop("self", None)
        answer = _words(signature.return_annotation)
        yield f"```python\n{name}{signature.replace(parameters=list(plain.values()), return_annotation=answer)}\n```\n"
    yield _text(thing)


class _Words(str):
    """An annotation without quotation marks around it."""

    def __repr__(self) -> str:
        return str(self)


def _words(annotation: object) -> _Words:
    return _Words(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))


def _text(thing: object) -> str:
    """The docstring; its list of arguments as a list, its indented lines as code."""
    lines: list[str] = []
    for line in (inspect.getdoc(thing) or "").splitlines():
        indent = len(line) - len(line.lstrip())
        if line == "Args:":
            lines.append("Arguments:\n")
        elif "Arguments:\n" in lines and indent == 4:
            name, _, words = line.strip().partition(": ")
            lines.append(f"- `{name}`: {words}")
        elif "Arguments:\n" in lines and indent > 4:
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), "utf-8")
