"""The rules of the house that no linter knows."""

import ast
import importlib
import pkgutil
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml

from flows.plan.categories import categories, load_category
from models.core.category import Category
from models.core.config import Config
from models.methods import methods
from models.methods.base import Method
from storage.store.references import SCALES

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("flows", "tasks", "models", "storage")
LONGEST_MODULE, LONGEST_FUNCTION = 300, 60

MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=name_of)
def test_every_module_has_its_tests(path):
    beside = ROOT / "tests" / path.relative_to(ROOT)
    assert beside.with_name(f"test_{path.name}").exists(), f"write {name_of(beside.with_name(f'test_{path.name}'))}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_and_no_function_is_too_long(path):
    text = path.read_text()
    assert text.count("\n") <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{name_of(path)}:{node.lineno} {node.name} has {lines} lines"


@pytest.mark.parametrize("path", sorted((ROOT / "tasks").glob("*.py")), ids=name_of)
def test_a_task_only_adapts(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and any("task" in ast.dump(each) for each in node.decorator_list):
            first, last = node.body[1], node.body[-1]
            assert (last.end_lineno or 0) - first.lineno + 1 <= 15, f"{name_of(path)}: {node.name} computes"


@pytest.mark.parametrize("name", categories())
def test_a_category_says_no_default_again(name):
    said = yaml.safe_load((ROOT / "flows" / "categories" / f"{name}.yaml").read_text())
    again = {key for key, value in said.items() if _plain(Category.model_fields[key].default) == value}
    assert not again
    assert load_category(name).name == name


@cache
def configs():
    for package in PACKAGES:
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            importlib.import_module(module.name)

    def below(kind):
        return {kind, *(each for child in kind.__subclasses__() for each in below(child))}

    return sorted(
        (each for each in below(Config) if each.__module__.split(".")[0] in PACKAGES), key=lambda c: c.__name__
    )


def test_every_knob_is_read():
    code = "\n".join(path.read_text() for path in MODULES)
    unread = [
        f"{config.__name__}.{field}"
        for config in configs()
        for field in config.model_fields
        if field != "kind" and not re.search(rf"\.{field}\b", code)
    ]
    assert not unread, "no option without a caller"


def test_every_knob_that_is_a_plain_value_says_what_it_is():
    plain = (int, float, str, bool)
    silent = [
        f"{config.__name__}.{name}"
        for config in configs()
        for name, field in config.model_fields.items()
        if field.annotation in plain and not field.description
    ]
    assert not silent


def test_no_file_knows_a_machine():
    tracked = [path for path in ROOT.rglob("*") if path.suffix in {".py", ".md", ".toml", ".yaml"} and _ours(path)]
    knowing = [name_of(path) for path in tracked if re.search(r"/(work|root|home)/\w", path.read_text())]
    assert not knowing


def test_what_is_installed_is_pinned():
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins if not pin.startswith("#"))
    assert "prefect==3.8.8" in pins and "torch==2.13.0" in pins


def _ours(path):
    return not any(part.startswith((".", "data", "node_modules")) for part in path.relative_to(ROOT).parts)


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


KINDS = {"Bool", "Float", "Int", "Integer", "Shaped", "UInt8", "UInt64"}
"""What jaxtyping says of the numbers in a tensor; used in models."""


def bare_tensors(annotation):
    """Tensors and arrays of an annotation that no jaxtyping class gives a shape. Aliases hold theirs."""
    if (
        isinstance(annotation, ast.Subscript)
        and isinstance(annotation.value, ast.Name)
        and annotation.value.id in KINDS
    ):
        return 0
    name = getattr(annotation, "id", getattr(annotation, "attr", None))
    return (name in {"Tensor", "ndarray"}) + sum(map(bare_tensors, ast.iter_child_nodes(annotation)))


def public_functions(tree):
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (
                child
                for child in node.body
                if isinstance(child, ast.FunctionDef) and (not child.name.startswith("_") or child.name.endswith("__"))
            )


def without_shapes(path):
    for function in public_functions(ast.parse(path.read_text())):
        annotations = [node.annotation for node in ast.walk(function.args) if isinstance(node, ast.arg)]
        if any(bare_tensors(each) for each in (*annotations, function.returns) if each):
            yield f"{name_of(path)}:{function.lineno} {function.name}"


@pytest.mark.parametrize("room", sorted(path for path in (ROOT / "models").iterdir() if path.is_dir()), ids=name_of)
def test_every_public_function_of_models_states_the_shapes_of_its_tensors(room):
    lacking = [line for path in sorted(room.rglob("*.py")) for line in without_shapes(path)]
    assert not lacking, "give each Tensor and ndarray its axes, such as Float[Tensor, 'batch height width 3']"


METHODS = sorted(path for path in (ROOT / "models" / "methods").iterdir() if (path / "__init__.py").exists())
FILES_OF_A_METHOD = {
    "__init__", "config", "distillation", "losses", "model", "networks", "panels", "presets", "pretraining",
    "reconstruction", "refine", "state", "terms", "train", "warm_start",
}  # fmt: skip
"""Names that say the same in every method's folder."""
MOST_ROOMS = 15


def test_models_has_few_rooms_and_nothing_loose_beside_them():
    inside = [path for path in (ROOT / "models").iterdir() if path.name not in ("__init__.py", "__pycache__")]
    assert all(path.is_dir() for path in inside) and len(inside) <= MOST_ROOMS


@pytest.mark.parametrize("folder", METHODS, ids=name_of)
def test_a_method_has_the_files_that_every_method_has(folder):
    names = {path.stem for path in folder.iterdir() if path.name != "__pycache__"}
    assert {"config", "presets"} <= names <= FILES_OF_A_METHOD


@pytest.mark.parametrize("kind", sorted(methods()))
def test_a_method_keeps_the_protocol_at_every_scale(kind):
    for scale in SCALES:
        method = methods()[kind].preset(scale)
        assert isinstance(method, Method) and method.kind == kind
        assert all(callable(part.digest) for part in method.parts.values())


def test_two_names_of_a_method_cross_to_the_outside_at_most():
    crossing = {folder.name: set() for folder in METHODS}
    for node in ast.parse((ROOT / "models" / "methods" / "__init__.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("models.methods."):
            crossing[node.module.split(".")[2]].update(alias.name for alias in node.names)
    assert all(1 <= len(names) <= 2 for names in crossing.values()), crossing


def defines_a_task(path):
    functions = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    return any("task" in ast.dump(decorator) for function in functions for decorator in function.decorator_list)


def test_tasks_are_at_the_top_of_their_folder_and_nowhere_else():
    modules = [path for path in (ROOT / "tasks").rglob("*.py") if path.name != "__init__.py"]
    top = {path for path in modules if path.parent.name == "tasks"}
    assert {path for path in modules if defines_a_task(path)} == top


def test_a_module_name_occurs_once_outside_of_the_methods():
    # models and storage, which do not know each other, each have their tree of exceptions.
    alike = ROOT / "models" / "methods"
    names = Counter(path.stem for path in MODULES if alike not in path.parents)
    assert [name for name, count in names.items() if count > 1 and name not in ("__init__", "errors")] == []
