"""Small changes of a module's text: one expression that says something else, for `benchmarks.mutants` to try."""

import ast
import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUIET = {"Field", "warning", "info", "debug", "error", "table", "page", "getLogger", "TypeVar", "Literal", "NewType"}
"""Calls whose arguments are words for people, or types."""
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.MatMult: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    path: Path
    line: int
    column: int
    before: str
    after: str
    text: str
    """Of the whole module."""
    within: frozenset[str]
    """The functions and classes around it, by name."""

    @property
    def name(self) -> str:
        """Where it is and what it changes."""
        return f"{self.path.relative_to(ROOT)}:{self.line}:{self.column}  {self.before}  ->  {self.after}"


def changes(node: ast.AST) -> Iterator[ast.expr]:
    """What could stand in the place of an expression."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPPED:
        yield _changed(node, ops=[SWAPPED[type(node.ops[0])]()])
    elif isinstance(node, ast.BinOp) and type(node.op) in SWAPPED:
        yield _changed(node, op=SWAPPED[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield _changed(node, op=SWAPPED[type(node.op)]())
        yield node.values[0]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1 if node.value in (0, 1) else node.value * 2)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords and not node.args:
        # Such as x.detach(), x.abs(): what the call does is left out.
        yield node.func.value
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("min", "max", "sorted", "abs")
    ):
        yield node.args[-1] if node.func.id != "sorted" else node.args[0]


def _changed(node: ast.expr, **fields: object) -> ast.expr:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a module that do something: no annotations, no words for people, no default of a field."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.Assert):
        return
    if isinstance(node, ast.Call):
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in QUIET:
            return
    if isinstance(node, ast.expr):
        yield node
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from expressions(child)


def mutants(path: Path, seed: int) -> Iterator[Mutant]:
    """Every mutant of a module, shuffled."""
    text = path.read_text()
    tree, data, starts = ast.parse(text), text.encode(), [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    pairs = [(node, other) for node in expressions(tree) for other in changes(node)]
    random.Random(f"{seed} {path.relative_to(ROOT)}").shuffle(pairs)
    for node, other in pairs:
        if node.end_lineno is None or node.end_col_offset is None:
            continue
        first, last = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        before, after = ast.unparse(node), ast.unparse(ast.fix_missing_locations(other))
        mutated = (data[:first] + f"({after})".encode() + data[last:]).decode()
        # Within an f-string, Python 3.11 does not know where an expression stands, and brackets may not do.
        if is_expression(data[first:last].decode(), before) and compiles(mutated):
            within = frozenset(around(tree, node.lineno))
            yield Mutant(path, node.lineno, node.col_offset, before, after, mutated, within)


def around(tree: ast.Module, line: int) -> Iterator[str]:
    """The functions and classes that a line stands in, by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.lineno <= line <= (node.end_lineno or 0):
            yield node.name


def is_expression(text: str, unparsed: str) -> bool:
    """Whether a text is that expression."""
    try:
        return ast.unparse(ast.parse(f"({text})", mode="eval").body) == unparsed
    except SyntaxError:
        return False


def compiles(text: str) -> bool:
    """Whether Python takes it."""
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True
