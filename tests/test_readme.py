"""README and docs say what is true: names, links, commands, and the numbers that the code decides."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from flows.cli.main import app
from flows.deployments import list_deployments
from flows.plan.plan import PlanChanges, load_plan
from storage.runs.releases import MAIN_METHOD
from storage.store.references import Scale

ROOT = Path(__file__).resolve().parents[1]
README, FIDELITY, LAB = ROOT / "README.md", ROOT / "docs" / "fidelity.md", ROOT / "docs" / "lab" / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/methods").glob("*.md")), LAB]
DOCUMENTS.append(ROOT / "weights" / "README.md")
ROUNDS = sorted(LAB.parent.glob("*-round-*.md"))
PACKAGES = ("flows", "tasks", "models", "storage", "tests", "benchmarks", "docs")
CODE = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path != Path(__file__)]
WORDS = 900
ROOMS = ("", "models", "models/methods")
"""Where documents may begin a path."""
PLACEHOLDER = re.compile(r"(^|/)(x|pig)[./]")
"""What a reader adds: models/generators/x.py, flows/categories/pig.yaml."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_spans(text: str) -> list[str]:
    """Every code block and every code span."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def links(path: Path) -> list[str]:
    """The targets of its links inside the repository."""
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()) if not re.match(r"[a-z]+:", link)]


def anchors(path: Path) -> set[str]:
    """The anchors that a Markdown viewer gives the headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(group: object, *names: str) -> Iterator[str]:
    """The words of every command of a command line."""
    for name, command in getattr(group, "commands", {}).items():
        yield " ".join((*names, name))
        yield from commands(command, *names, name)


def test_the_readme_is_short() -> None:
    assert len(README.read_text().split()) <= WORDS


@pytest.mark.parametrize("path", [*DOCUMENTS, *ROUNDS], ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{name_of(path)} links {link}"
        assert not anchor or anchor in anchors(target), f"{name_of(path)} links {link}"


def test_every_document_is_linked() -> None:
    linked = {(path.parent / link.partition("#")[0]).resolve() for path in DOCUMENTS for link in links(path)}
    assert not {name_of(path) for path in [*DOCUMENTS, *ROUNDS] if path not in {README, *linked}}


def test_the_map_names_what_is_there() -> None:
    block = re.search(r"## Map\n+```\n(.*?)```", README.read_text(), re.DOTALL)
    assert block
    top = ""
    for line in block[1].splitlines():
        names = re.findall(r"(?<!\S)([a-z_]+)/", line)
        # Lines that are not indented begin with a folder at the top. `data/`, which a run leaves there, is not ours.
        top = top if line.startswith(" ") else names.pop(0)
        assert (ROOT / top).is_dir(), top
        for name in names:
            assert (ROOT / top / name).is_dir() or (ROOT / name).is_dir(), f"{top}/{name}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_files_that_are_named_exist(path: Path) -> None:
    pattern = r"(?<![\w/.<>-])(?:[\w-]+/)+[\w-]+\.(?:py|yaml|html|js|md)\b"
    names = {name for span in code_spans(path.read_text()) for name in re.findall(pattern, span)}
    assert not {
        name
        for name in names
        if not PLACEHOLDER.search(name) and not any((ROOT / room / name).exists() for room in ROOMS)
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_that_are_shown_exist(path: Path) -> None:
    known = set(commands(typer.main.get_command(app)))
    groups = {words.split()[0] for words in known if " " in words}
    for span in code_spans(path.read_text()):
        for verb, second in re.findall(r"(?<![\w./-])(?:\.venv/bin/)?farm3d ([a-z]+)(?: ([a-z]+))?", span):
            words = f"{verb} {second}" if verb in groups else verb
            assert words in known, f"{name_of(path)} shows farm3d {words}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_deployments_and_verbs_that_are_shown_exist(path: Path) -> None:
    deployments = list_deployments(["cow", "horse", "sheep", "pig"])
    names = {f"{deployment['entrypoint'].split('.')[-1]}/{deployment['name']}" for deployment in deployments}
    verbs = set(re.findall(r"^([a-z ]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    verbs = {verb for line in verbs for verb in line.split()}
    for span in code_spans(path.read_text()):
        shown = {name for name in re.findall(r"deployment run (\w+/\w+)", span) if not name.startswith("x/")}
        assert shown <= names
        assert {verb for line in re.findall(r"^make ([a-z ]+)", span, re.MULTILINE) for verb in line.split()} <= verbs


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
@pytest.mark.parametrize("scale", ["laptop", "gpu"])
def test_changes_that_are_shown_are_accepted(path: Path, scale: Scale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.plan.plan.check_needs", lambda plan: None)  # releases that they learn from
    shown = re.findall(r"(?:run (\w+)/cow )?(?:-p )?changes='(\{.*?\})'", path.read_text())
    for method, text in shown:
        if "flat" not in text:  # the generator that docs/extending.md adds
            load_plan("cow", scale, changes=PlanChanges.model_validate_json(text), method=method or MAIN_METHOD)


@pytest.mark.parametrize("scale", ["smoke", "laptop", "gpu", "paper"])
def test_the_scales_are_those_of_the_presets(scale: Scale) -> None:
    plan = load_plan("cow", scale)
    row = next(line for line in README.read_text().splitlines() if line.startswith(f"| `{scale}`"))
    pictures, steps = (int(cell.replace(",", "").split()[0]) for cell in row.split("|")[2:4])
    assert (pictures, steps) == (plan.images, sum(stage.steps for stage in plan.method.stages()))


def test_the_first_picture_says_what_its_model_started_from() -> None:
    start = load_plan("cow", "laptop").method.warm_start
    said = f"`{start.model}` (digest {start.digest()[:16]})"
    assert said in README.read_text(), f"say under the first picture that it started from {said}, or draw it anew"


def test_the_tables_of_results_have_the_start_beside_the_end() -> None:
    for path in (README, ROOT / "docs" / "results.md"):
        tables = re.findall(r"^\|.*\n\|[-|]+\n(?:\|.*\n)+", path.read_text(), re.MULTILINE)
        measured = [table for table in tables if re.search("IoU|PCK|azimuth", table)]
        assert measured and all("start without this training" in table.splitlines()[0] for table in measured)


def test_fidelity_says_where_laptop_begins_and_how_fast_it_learns() -> None:
    method = load_plan("cow", "laptop").method
    begin, training = method.warm_start.begin, method.training
    text = FIDELITY.read_text().partition("## What each scale takes of it")[2]
    factor = training.lr_schedule.at(begin)
    rates = (factor * rate for rate in (training.rate_shape, training.rate_pose, training.rate_rest))
    said = [f"{rate:.1e}".replace(".0e", "e").replace("e-0", "e-") for rate in rates]
    for words in (f"schedule position {begin:g}.", *said):
        assert words in text, f"{FIDELITY.name} does not say {words}: tell anew what `laptop` takes of the papers"


def test_no_section_of_the_two_papers_is_cited_that_nobody_here_has_read() -> None:
    """Neither paper's body was at hand: rows of fidelity.md name mechanisms and the public code."""
    for path in [*CODE, *DOCUMENTS]:
        cited = re.search(r"(MagicPony|Farm3D)\b[^.;|]{0,60}\b(section|eq\.) ?\d", path.read_text())
        assert cited is None, f"{name_of(path)}: {cited and cited[0]}"


def rows() -> list[str]:
    return re.findall(r"^\| (F\d+) \|", FIDELITY.read_text(), re.MULTILINE)


def test_rows_of_fidelity_have_numbers_of_their_own() -> None:
    assert len(rows()) == len(set(rows())) > 50


def test_rows_of_fidelity_name_tests() -> None:
    names = " ".join(re.findall(r"def test(_\w+)", "\n".join(path.read_text() for path in CODE))).replace("_", " ")
    for line in re.findall(r"^\| F\d+ \|.*$", FIDELITY.read_text(), re.MULTILINE):
        row, *_, tests, _ = (cell.strip() for cell in line.strip("|").split(" | "))
        for truth in tests.lower().split("; "):
            assert " ".join(re.findall(r"\w+", truth)) in names, f"{row}: no test says that {truth}"


def test_sources_are_papers_or_rows_of_fidelity() -> None:
    for path in [*CODE, *DOCUMENTS]:
        text = path.read_text()
        assert not re.search(r"\b(facts|style) (section )?\d|LAB\.md", text), name_of(path)
        cited = " ".join(re.findall(r"fidelity (F\d+(?:(?:, | and | to )F\d+)*)", text))
        assert set(re.findall(r"F\d+", cited)) <= set(rows()), name_of(path)
