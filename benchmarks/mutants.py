"""Do the tests see a mistake? One small change of the code at a time, and the tests of that module.

    OMP_NUM_THREADS=1 python -m benchmarks.mutants 250 results.txt    of models, storage and tasks, drawn from seed 0
    OMP_NUM_THREADS=1 python -m benchmarks.mutants 60 results.txt models/methods/farm3d/distillation.py

A mutant is one expression that says something else: a comparison, an operator, a number, a condition, a word left out.
No file is changed: the mutated text is what Python is given when a test imports the module. Each mutant has a process
that is forked from one with everything imported; there its module and all that import it are forgotten, and its own
test file runs to the first failure, the tests that name the changed function first, without the slow ones. The test
that fails is then asked without the mutant: only where it passes, the mutant is killed. One that takes too long is
counted apart. Results are added to the file as they come, and what stands there is not run again. What needs a GPU,
and descriptions, logs and words of errors are left alone.
"""

import argparse
import ast
import gc
import importlib
import inspect
import os
import random
import resource
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from itertools import islice, zip_longest
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from benchmarks.mutations import ROOT, Mutant, mutants

PACKAGES = ("models", "storage", "tasks")
OURS = (*PACKAGES, "flows")
SKIPPED = (
    "models/embedded",
    "models/truth/bodies",
    "models/rendering/nvdiffrast.py",
    "models/segmenters/detectron2.py",
)
"""Trainers of the shipped weights, and what needs a GPU or a package that pip does not have."""
LIBRARIES = ("scipy.ndimage", "torch", "pyarrow.parquet", "trimesh", "prefect", "diffusers", "transformers", "beartype")
PROCESSOR_SECONDS, SECONDS = 200, 1800
"""A run that takes more of them is too slow; the second ones pass also while it waits or other work holds it up."""

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Ending:
    """Of one run of tests."""

    status: int
    """That of pytest, or a signal, negative."""
    failed: str
    """The test that failed first; empty where none did or no test came to run."""
    seconds: float
    """Of the processor."""


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


def draw(paths: list[Path], seed: int) -> Iterator[Mutant]:
    """Mutants of these modules, the first of each in random order, then the second of each, and so on."""
    modules = candidates(paths)
    random.Random(seed).shuffle(modules)
    for mutants_of_modules in zip_longest(*(mutants(path, seed) for path in modules)):
        yield from filter(None, mutants_of_modules)


def module_name(path: Path) -> str:
    """Of a file of ours."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def importers() -> dict[str, set[str]]:
    """Of each module of ours, those that name it in an import, wherever that stands."""
    files = {module_name(file): file for package in OURS for file in (ROOT / package).rglob("*.py")}
    answer = defaultdict[str, set[str]](set)
    for name, file in files.items():
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module), *(f"{node.module}.{name}" for name in names)]
            for imported in files.keys() & set(names) - {name}:
                answer[imported].add(name)
    return answer


def forget(path: Path) -> None:
    """Let this process import the module anew, and all that have imported it."""
    names, ahead = set[str](), [module_name(path)]
    while ahead:
        if (name := ahead.pop()) not in names:
            names.add(name)
            ahead.extend(importers()[name])
    modules = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    # `from package import module` takes the attribute of a package that stays, as long as there is one.
    for name, module in modules.items():
        package, _, child = name.rpartition(".")
        if vars(sys.modules.get(package, module)).get(child) is module:
            delattr(sys.modules[package], child)
    # What stays has to be an attribute of its package also after the package is imported anew.
    kept = {
        package: {key: value for key, value in vars(module).items() if _is_part(package, key, value)}
        for package, module in modules.items()
    }
    # The shape checks keep types by their names; those of forgotten modules would refuse the new ones.
    importlib.import_module("beartype._cache.cacheclear").clear_caches()
    exec_module = SourceFileLoader.exec_module

    def execute(self: SourceFileLoader, module: ModuleType) -> None:
        vars(module).update(kept.get(module.__name__, {}))
        exec_module(self, module)

    SourceFileLoader.exec_module = execute  # pyright: ignore[reportAttributeAccessIssue]  # the finder asks the class


def _is_part(package: str, key: str, value: object) -> bool:
    return isinstance(value, ModuleType) and value is sys.modules.get(f"{package}.{key}")


def run(path: Path, mutant: Mutant | None, arguments: list[str]) -> Ending:
    """Run tests of a module, with a mutant in its place if there is one, in a process of their own."""
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    child = os.fork()
    if child == 0:
        _become(path, mutant, arguments, folder)
    deadline = time.monotonic() + SECONDS
    while not (ended := os.wait4(child, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.02)
    if not ended[0]:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(ended[1]) if ended[0] else -signal.SIGALRM
    failed = (folder / "failed").read_text() if (folder / "failed").exists() else ""
    shutil.rmtree(folder, ignore_errors=True)
    return Ending(status, failed, ended[2].ru_utime + ended[2].ru_stime)


class Plugin:
    """Puts the tests in order, and remembers the one that failed."""

    def __init__(self, names: frozenset[str], failed: Path) -> None:
        """Tests with these names in their text come first."""
        self.names, self.failed = names, failed

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """The likeliest to fail first."""
        texts = {item: inspect.getsource(item.function) for item in items}
        items.sort(key=lambda item: -sum(name in texts[item] for name in self.names))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Writes down which test failed."""
        if report.failed and not self.failed.exists():
            self.failed.write_text(report.nodeid)


def _become(path: Path, mutant: Mutant | None, arguments: list[str], folder: Path) -> None:
    """Never comes back."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS + 5))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    forget(path)
    if mutant:
        install(mutant)
    # The rest of the project's own options: its shape checks are on already.
    options = ["-o", "addopts=", "-x", "-q", "--import-mode=importlib", "-m", "not slow", "-p", "no:cacheprovider"]
    plugin = Plugin(mutant.within if mutant else frozenset(), folder / "failed")
    code = pytest.main([*options, "--basetemp", str(folder / "tests"), *arguments], plugins=[plugin])
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


def import_everything(paths: Iterable[Path]) -> None:
    """All that takes long, once: the libraries, and the packages of these modules with their shape checks."""
    from jaxtyping import install_import_hook

    # What it says about the environment counts before torch and Prefect are there.
    runpy.run_path(str(ROOT / "tests" / "conftest.py"))
    for name in LIBRARIES:
        importlib.import_module(name)
    # Compiled files of ours from here on, in no folder of the project; a mutant never has one.
    sys.pycache_prefix, sys.dont_write_bytecode = str(Path(tempfile.gettempdir(), "mutants-compiled")), False
    install_import_hook(["models"], "beartype.beartype")
    for package in sorted({path.relative_to(ROOT).parts[0] for path in paths}):
        for file in sorted((ROOT / package).rglob("*.py")):
            try:
                importlib.import_module(module_name(file))
            except ImportError as error:
                console.print(f"without {module_name(file)}: {error}", markup=False)
    importers()
    gc.freeze()


def judge(mutant: Mutant, sound: dict[str, bool]) -> tuple[str, Ending]:
    """What became of a mutant; `sound` holds which tests are known to pass or to fail without one."""
    ending = run(mutant.path, mutant, [str(test_file(mutant.path))])
    if ending.status == 0:
        return "SURVIVED", ending
    if ending.status in (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL):
        return "too slow", ending
    # No test came to run: the mutant cannot even be imported.
    arguments = [ending.failed] if ending.failed else ["--collect-only", str(test_file(mutant.path))]
    question = " ".join(arguments)
    if question not in sound:
        sound[question] = run(mutant.path, None, arguments).status == 0
    return "killed" if sound[question] else "fails without a mutant", ending


def main() -> int:
    """Add to the results what became of each mutant; the number that survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, help="mutants, spread evenly over the modules")
    parser.add_argument("results", type=Path, help="file of results; what stands in it is not run again")
    parser.add_argument("paths", type=Path, nargs="*", default=[ROOT / name for name in PACKAGES])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.chdir(ROOT)
    drawn = list(islice(draw(arguments.paths, arguments.seed), arguments.count))
    arguments.results.touch()
    done = {line.split("\t")[1]: line.split("\t")[0] for line in arguments.results.read_text().splitlines()}
    ahead = [mutant for mutant in drawn if mutant.name not in done]
    import_everything(mutant.path for mutant in ahead)
    sound = dict[str, bool]()
    for mutant in ahead:
        done[mutant.name], ending = judge(mutant, sound)
        with arguments.results.open("a") as file:
            print(done[mutant.name], mutant.name, ending.failed, f"{ending.seconds:.1f} s", sep="\t", file=file)
    outcomes = Counter(done[mutant.name] for mutant in drawn)
    console.print(", ".join(f"{name} {number}" for name, number in outcomes.most_common()))
    return outcomes["SURVIVED"]


if __name__ == "__main__":
    sys.exit(bool(main()))
