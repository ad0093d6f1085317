"""Run the example notebook from its first cell to its last, and keep what its cells answer.

python docs/notebook.py docs/farm3d.ipynb
"""

import ast
import json
import sys
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL.Image import Image


def run_notebook(notebook: dict[str, Any]) -> dict[str, Any]:
    """The same notebook with the outputs of its cells. Raises what a cell raises."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells: list[dict[str, Any]] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count = 1 + sum(each["cell_type"] == "code" for each in cells)
            cell = {**cell, "execution_count": count, "outputs": _run_cell("".join(cell["source"]), names, count)}
        cells.append(cell)
    return {**notebook, "cells": cells}


def _run_cell(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Its last line, if that is an expression, is what it answers."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), f"<cell {count}>", "exec"), names)
    if not isinstance(last, ast.Expr):
        return []
    answer = eval(compile(ast.Expression(last.value), f"<cell {count}>", "eval"), names)
    data = {"text/plain": repr(answer)}
    if isinstance(answer, Image):
        picture = BytesIO()
        answer.save(picture, "PNG")
        data = {"image/png": b64encode(picture.getvalue()).decode(), "text/plain": f"<picture {answer.size}>"}
    return [{"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data}]


if __name__ == "__main__":
    file = Path(sys.argv[1]).resolve()
    file.write_text(json.dumps(run_notebook(json.loads(file.read_text())), indent=1) + "\n")
