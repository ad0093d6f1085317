"""Do the tests see a mistake? One small change of the code at a time, and the tests of that module.

    OMP_NUM_THREADS=1 python -m benchmarks.mutants 250    of models, storage and tasks, drawn from seed 0
    OMP_NUM_THREADS=1 python -m benchmarks.mutants 40 models/methods/farm3d/distillation.py

A mutant is one expression that says something else: a comparison, an operator, a number, a condition, a word left out.
No file is changed: the mutated text is what Python is given when a test imports the module. Each mutant runs in a
process that is forked from one with the libraries in it, on the module's own test file. Prints a line for each and the
share that was killed, which is a test that fails, dies or takes too long. What needs a GPU, and descriptions, logs and
words of errors are left alone.
"""

import argparse
import ast
import copy
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "storage", "tasks")
SKIPPED = (
    "models/embedded",
    "models/truth/bodies",
    "models/rendering/nvdiffrast.py",
    "models/segmenters/detectron2.py",
)
"""Trainers of the shipped weights, and what needs a GPU or a package that pip does not have."""
SECONDS = 120
LIBRARIES = (
    "numpy", "scipy.ndimage", "torch", "PIL.Image", "pyarrow.parquet", "trimesh", "pydantic", "prefect", "s3fs",
    "diffusers", "transformers", "beartype", "jaxtyping", "pytest",
)  # fmt: skip
QUIET = {"Field", "warning", "info", "debug", "error", "table", "page", "getLogger", "TypeVar", "Literal", "NewType"}
"""Calls whose arguments are words for people, or types."""
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.MatMult: ast.Mult,
}  # fmt: skip

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    path: Path
    line: int
    before: str
    after: str
    text: str
    """Of the whole module."""

    @property
    def name(self) -> str:
        """Where it is and what it changes."""
        return f"{self.path.relative_to(ROOT)}:{self.line}  {self.before}  ->  {self.after}"


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


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a module."""
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    data = text.encode()
    for node in expressions(ast.parse(text)):
        if node.end_lineno is None or node.end_col_offset is None or isinstance(node, ast.JoinedStr):
            continue
        first, last = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        for other in changes(node):
            after = ast.unparse(ast.fix_missing_locations(other))
            mutated = (data[:first] + f"({after})".encode() + data[last:]).decode()
            if compiles(mutated):
                yield Mutant(path, node.lineno, ast.unparse(node), after, mutated)


def compiles(text: str) -> bool:
    """Whether Python takes it; within an f-string, brackets may not do."""
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def test_file(path: Path) -> Path:
    """The tests of a module."""
    inside = path.relative_to(ROOT)
    return ROOT / "tests" / inside.parent / f"test_{inside.stem}.py"


def candidates(paths: list[Path]) -> list[Path]:
    """The modules in these files and folders that have tests of their own."""
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))]
    kept = (file.resolve() for file in files if file.name != "__init__.py")
    skipped = tuple(str(ROOT / name) for name in SKIPPED)
    return [file for file in kept if test_file(file).is_file() and not str(file).startswith(skipped)]


def run(mutant: Mutant | None, tests: Path) -> int:
    """Run tests with a mutant in the place of its module, in a process of their own: its exit status, or a signal."""
    child = os.fork()
    if child == 0:
        _become(mutant, tests)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGALRM


def _become(mutant: Mutant | None, tests: Path) -> None:
    """Never comes back."""
    import pytest

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if mutant:
        install(mutant)
    code = pytest.main(["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", str(tests)])
    os._exit(int(code))


def install(mutant: Mutant) -> None:
    """Let this process import the mutant, from no compiled file."""
    get_data, path_stats = SourceFileLoader.get_data, SourceFileLoader.path_stats

    def data(self: SourceFileLoader, path: str) -> bytes:
        return mutant.text.encode() if path == str(mutant.path) else get_data(self, path)

    def stats(self: SourceFileLoader, path: str) -> object:
        if path == str(mutant.path):
            raise OSError("a mutant has no compiled file")
        return path_stats(self, path)

    for name, function in {"get_data": data, "path_stats": stats}.items():
        setattr(SourceFileLoader, name, function)


def load_libraries() -> None:
    """Everything that takes long to import and is none of ours."""
    for name in LIBRARIES:
        try:
            __import__(name)
        except ImportError:
            console.print(f"without {name}")


def main() -> int:
    """Print what became of each mutant; the number that survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, help="mutants, spread evenly over the modules")
    parser.add_argument("paths", type=Path, nargs="*", default=[ROOT / name for name in PACKAGES])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="no mutant is begun after them")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    load_libraries()
    chance, drawn = random.Random(arguments.seed), list[Mutant]()
    pools = {
        path: chance.sample(every, len(every)) for path in candidates(arguments.paths) if (every := list(mutants(path)))
    }
    while len(drawn) < arguments.count and any(pools.values()):
        drawn += [pool.pop() for pool in pools.values() if pool][: arguments.count - len(drawn)]
    outcomes, until, whole = Counter[str](), time.monotonic() + 60 * arguments.minutes, dict[Path, int]()
    for mutant in sorted(drawn, key=lambda mutant: (mutant.path, mutant.line)):
        if time.monotonic() > until:
            break
        tests = test_file(mutant.path)
        if whole.setdefault(tests, run(None, tests)):
            outcomes["tests fail without a mutant"] += 1
            continue
        outcome = {0: "SURVIVED", -signal.SIGALRM: "too slow"}.get(run(mutant, tests), "killed")
        outcomes[outcome] += 1
        console.print(f"{outcome:8}  {mutant.name}", markup=False)
    console.print(", ".join(f"{name} {number}" for name, number in outcomes.most_common()))
    return outcomes["SURVIVED"]


if __name__ == "__main__":
    sys.exit(bool(main()))
