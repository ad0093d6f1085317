import html
import re

import pytest
from markdown_it import MarkdownIt

from storage.formats.markdown import code_span, escape_markdown, markdown_table

WORDS = [
    "CC-BY-4.0, A. Farmer",
    "my_cows/",
    "*bold* __bold__ ~~gone~~ `code`",
    "[link](http://evil) ![picture](http://evil) <http://evil> <b>html</b> &amp; &#65;",
    "a | b",
    "```",
    "`",
    "ends with \\",
]


def rendered(markdown):
    return MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(markdown)


@pytest.mark.parametrize("text", WORDS)
def test_escaped_words_are_read_as_they_were_written(text):
    assert rendered(f"x {escape_markdown(text)}") == f"<p>x {html.escape(text, quote=False)}</p>\n"


@pytest.mark.parametrize("text", WORDS)
def test_words_in_code_are_read_as_they_were_written(text):
    (code,) = re.findall("<code>(.*)</code>", rendered(code_span(text)))
    assert html.unescape(code) == text


@pytest.mark.parametrize("write", [escape_markdown, code_span])
def test_nothing_leaves_its_line(write):
    assert len(write("a\n\n# b\r\nc\x85d\u2028e\x1b[2J").splitlines()) == 1
    assert "\x1b" not in write("\x1b[2J")


def test_words_stay_in_their_cell():
    table = f"| a | b |\n| --- | --- |\n| {escape_markdown('x | y')} | z |"
    assert "<td>x | y</td>" in rendered(table)


def test_rows_are_a_table_and_no_rows_nothing():
    assert markdown_table([{"metric": "a", "ours": 1.5}]) == "| metric | ours |\n| --- | --- |\n| a | 1.5 |"
    assert markdown_table([]) == ""
