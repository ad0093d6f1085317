"""SIGKILL at random moments of whole farms: flow, worker and server. Does every farm end the same?

    OMP_NUM_THREADS=1 python -m benchmarks.kills FOLDER 100 --port 5400 --seed 0

Each farm is the deployed flow farm3d/cow with as little of everything as the scale `smoke` allows, through a real
server and worker. The first one is left alone. Each later one loses processes until `HITS` were killed or it is over:
between two visits of somebody who types what the README says, one to three of flow, worker and server are killed, each
at a moment of its own; who, when and how many is drawn from the seed. A visit is `farm3d up` and, where the run was
seen to be dead, another run; nothing else is mended. A finished farm is compared with the first one file by file.

Logs a line for each kill and each farm, with every difference and every fault that `farm3d verify` finds; exits with 1
where there is one, or where a run neither ended nor was seen to be dead in time.
"""

import argparse
import hashlib
import logging
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import psutil
from prefect.client.schemas.objects import FlowRun

from flows.cli import launcher
from flows.cli.launcher import ServerDown
from storage.runs.run_faults import find_faults
from storage.store.layout import Store

log = logging.getLogger("kills")
HITS = 8
"""Kills of one farm at most."""
FIRST, NEXT = 1.0, 0.2
"""The first kill after a visit and those after it wait at most this share of the time that the first farm took."""
SEEN_SECONDS = 150
"""A run whose process is gone has to be seen to be dead within this time of a visit."""
UNSEEN = "dead and not seen to be"
PATIENCE_SECONDS = 900
"""For one run, or the start of a server, on a machine that does other things."""
VICTIMS = ("flow", "worker", "server")
DEPLOYMENT = "farm3d/cow"
CHANGES = {
    "images": 4,
    "photos": 4,
    "least_kept": 0.1,
    "scenes": 1,
    "generator": {"steps": 2},
    "evaluation": {"chamfer": {"icp_points": 50, "points": 100}},
    "release": {"assets": 1, "film": 32, "frames": 2, "texture": 32},
    "method": {"training": {"steps": 4, "save_every": 1, "report_every": 2, "panel_every": 4, "batch": 2}},
}
UNLIKE = re.compile(
    r"metrics\.jsonl|/checkpoints/|/stages/[^/]+/manifest\.json|report\.html|releases/[^/]+/manifest\.json"
)
"""Files that hold how fast the machine was."""


class Farms:
    """Farms of one folder, one after the other, on one server."""

    def __init__(self, folder: Path, port: int, seed: int) -> None:
        """Starts nothing yet."""
        self.folder, self.launcher = folder, launcher.Launcher(folder / "prefect", port)
        self.chance = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.moments: Counter[str] = Counter()
        self.last: dict[UUID, FlowRun] = {}
        self.unseen: list[str] = []

    def play(self, count: int) -> list[str]:
        """The first farm and as many others as it takes to kill `count` times; what was wrong with them."""
        began = time.monotonic()
        self.launcher.up()
        log.info("up after %.0f s", time.monotonic() - began)
        first, wrong = self.folder / "farm-000", list[str]()
        began = time.monotonic()
        wrong += [*self.finish(first, self.start(first)), *faults(first)]
        took = time.monotonic() - began
        log.info("undisturbed: %.0f s, %d files to compare", took, len(dict(contents(first))))
        number = 0
        while self.kills.total() < count:
            number += 1
            root = self.folder / f"farm-{number:03d}"
            ending = self.hit(root, took, min(HITS, count - self.kills.total()))
            if not ending:
                ending = [*differences(first, root), *faults(root)]
            log.info("%s: %s; %d kills so far", root.name, "; ".join(ending) or "equal", self.kills.total())
            wrong += ending
        log.info("%d kills (%s) of %d farms; %s", self.kills.total(), _told(self.kills), number, _told(self.moments))
        return wrong + self.unseen

    def hit(self, root: Path, took: float, most: int) -> list[str]:
        """A farm that is hit until it is over; what was wrong with how it ended."""
        run, left = self.start(root), most
        while left:
            if self.waited(run, self.chance.uniform(0, FIRST) * took):
                if self.read(run).state_name == "Completed":
                    return []
                run = self.start(root)  # It went on at the last visit, and crashed later: a run may outlive its worker.
                continue
            for _ in range(min(left, self.chance.randint(1, 3))):
                left -= self.kill(root, run)
                time.sleep(self.chance.uniform(0, NEXT) * took)
            began = time.monotonic()
            self.launcher.up()
            state = self.state_after_visit(run)
            log.info("%s: %s after a visit of %.0f s", root.name, state, time.monotonic() - began)
            if state == "Completed":
                return []
            if state == UNSEEN:
                self.unseen.append(f"{root.name}: a run was {state}")
            if is_over(self.read(run)):
                run = self.start(root)
        return self.finish(root, run)

    def start(self, root: Path) -> UUID:
        """Begin a run of the farm."""
        with self.launcher.client() as client:
            deployment = client.read_deployment_by_name(DEPLOYMENT)
            parameters = {"scale": "smoke", "root": str(root), "changes": CHANGES}
            return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id

    def finish(self, root: Path, run: UUID) -> list[str]:
        """Wait until a run is over; what is wrong with how it ended."""
        state = "no end" if not self.waited(run, PATIENCE_SECONDS) else self.read(run).state_name
        return [] if state == "Completed" else [f"{root.name}: ended {state}"]

    def state_after_visit(self, run: UUID) -> str:
        """How a run has ended, or how it goes on: as one that waits for its process, or that has one."""
        deadline = time.monotonic() + SEEN_SECONDS
        while time.monotonic() < deadline:
            seen = self.read(run)
            if is_over(seen) or not seen.infrastructure_pid or self.living(seen).get("flow"):
                return seen.state_name or "unknown"
            time.sleep(1)
        return UNSEEN

    def waited(self, run: UUID, seconds: float) -> bool:
        """Whether a run was over within this time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if is_over(self.read(run)):
                return True
            time.sleep(1)
        return False

    def read(self, run: UUID) -> FlowRun:
        """What the server says of it, or said last."""
        try:
            with self.launcher.client() as client:
                self.last[run] = client.read_flow_run(run)
        except (ServerDown, httpx.HTTPError):
            log.info("the server does not answer")
        return self.last[run]

    def living(self, run: FlowRun) -> dict[str, int]:
        """The processes that there are."""
        ids = {"flow": int(run.infrastructure_pid or 0)}
        for name, program in (("worker", self.launcher.worker), ("server", self.launcher.server)):
            record = program.running()
            ids[name] = record.pid if record else 0
        return {name: pid for name, pid in ids.items() if pid and is_alive(pid)}

    def kill(self, root: Path, run: UUID) -> int:
        """End one of those that there are without a word; how many were ended."""
        living = self.living(self.read(run))
        if not living:
            return 0
        victim, moment = self.chance.choice(sorted(living)), stage(root)
        os.kill(living[victim], signal.SIGKILL)
        self.kills[victim] += 1
        self.moments[moment] += 1
        log.info("%s: %s of %s killed at %s", root.name, victim, ", ".join(sorted(living)), moment)
        return 1


def is_over(run: FlowRun) -> bool:
    """Whether it has ended, in whatever way."""
    return run.state is not None and run.state.is_final()


def is_alive(pid: int) -> bool:
    """Whether a process does something still."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def faults(root: Path) -> Iterator[str]:
    """What `farm3d verify` finds."""
    for fault in find_faults(Store(str(root)), "cow"):
        yield f"{root.name}: {fault.where}: {fault.what}"


def stage(root: Path) -> str:
    """The stage whose products were made last."""
    found = "start"
    for name in ("raw", "curated", "snapshots", "runs/*/stages", "runs/*/model", "runs/*/evaluation", "releases"):
        if any(path.is_file() and not path.name.startswith(".") for path in (root / "cow").glob(f"{name}/**/*")):
            found = name.rpartition("/")[2]
    return found


def differences(first: Path, other: Path) -> Iterator[str]:
    """Files that one of two finished farms lacks, or that are others; but for how fast the machine was."""
    ours, theirs = (dict(contents(root)) for root in (first, other))
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            how = "is missing" if name not in theirs else "is too many" if name not in ours else "is another one"
            yield f"{other.name}/{name}: {how}"


def contents(root: Path) -> Iterator[tuple[str, str]]:
    """Digests of the files of a farm that are the same whoever made it."""
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_file() and not path.name.startswith(".") and not UNLIKE.search(name):
            yield name, hashlib.sha256(path.read_bytes()).hexdigest()


def _told(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counter.most_common())


def main() -> int:
    """Log what was wrong; how much of it there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="empty")
    parser.add_argument("kills", type=int)
    parser.add_argument("--port", type=int, default=5400)
    parser.add_argument("--seed", type=int, default=0, help="another one kills at other moments")
    arguments = parser.parse_args()
    os.environ["TMPDIR"] = str(arguments.folder.resolve() / "tmp")
    Path(os.environ["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    launcher.START_SECONDS = PATIENCE_SECONDS
    farms = Farms(arguments.folder.resolve(), arguments.port, arguments.seed)
    try:
        wrong = farms.play(arguments.kills)
    finally:
        farms.launcher.down()
    log.info("%s", "\n".join(wrong) or "all farms ended alike, and nothing was mended by hand")
    return len(wrong)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", force=True)
    log.setLevel(logging.INFO)
    sys.exit(bool(main()))
