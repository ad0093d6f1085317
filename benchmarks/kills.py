"""SIGKILL at random moments of whole farms: flow, worker, server, or all three. Does every farm end the same?

    OMP_NUM_THREADS=1 python -m benchmarks.kills FOLDER 100 --port 5400

Each farm is the deployed flow farm3d/cow with as little of everything as the scale `smoke` allows, through a real
server and worker. The first one is left alone. Each later one loses processes until it was hit `HITS` times or is over:
who, and when within the time of the first, is drawn from seed 0. After a hit somebody types what the README says,
`farm3d up` and another run, and mends nothing else. A finished farm is compared with the first one file by file.

Logs a line for each kill, and at the end every difference and every fault that `farm3d verify` finds; exits with 1
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

from prefect.client.schemas.objects import FlowRun

from flows.cli import launcher
from storage.runs.run_faults import find_faults
from storage.store.layout import Store

log = logging.getLogger("kills")
HITS = 4
"""Kills of one farm at most."""
PATIENCE_SECONDS = 1800
"""For one run, or the start of a server, on a machine that does other things."""
VICTIMS = ("flow", "worker", "server", "all")
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

    def __init__(self, folder: Path, port: int) -> None:
        """Starts nothing yet."""
        self.folder, self.launcher, self.chance = folder, launcher.Launcher(folder / "prefect", port), random.Random(0)
        self.kills: Counter[str] = Counter()
        self.moments: Counter[str] = Counter()

    def play(self, count: int) -> list[str]:
        """The first farm and as many others as it takes to kill `count` times; what was wrong with them."""
        began = time.monotonic()
        self.launcher.up()
        log.info("up after %.0f s", time.monotonic() - began)
        first, wrong = self.folder / "farm-000", list[str]()
        began = time.monotonic()
        wrong += self.finish(first, self.start(first))
        took = time.monotonic() - began
        log.info("undisturbed: %.0f s", took)
        number = 0
        while self.kills.total() < count and not any("gave no end" in line for line in wrong):
            number += 1
            root = self.folder / f"farm-{number:03d}"
            wrong += self.hit(root, took, min(HITS, count - self.kills.total()))
            wrong += differences(first, root)
        wrong += [
            f"{fault.where}: {fault.what}" for root in self.roots() for fault in find_faults(Store(str(root)), "cow")
        ]
        log.info("%d kills (%s) of %d farms; %s", self.kills.total(), _told(self.kills), number, _told(self.moments))
        return wrong

    def roots(self) -> list[Path]:
        """Of the farms so far."""
        return sorted(self.folder.glob("farm-*"))

    def hit(self, root: Path, took: float, most: int) -> list[str]:
        """A farm that is hit until it is over; what was wrong with it."""
        run = self.start(root)
        for _ in range(most):
            if self.waited(run, self.chance.uniform(0.05, 1.0) * took):
                break
            victim = self.chance.choice(VICTIMS)
            moment = stage(root)
            self.kill(run, victim)
            self.kills[victim] += 1
            self.moments[moment] += 1
            began = time.monotonic()
            self.launcher.up()
            state = self.settled(run)
            log.info("%s: %s killed at %s; %s, %.0f s", root.name, victim, moment, state, time.monotonic() - began)
            if state == "Completed":
                return []
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
        state = self.settled(run)
        return [] if state == "Completed" else [f"{root.name}: ended {state}"]

    def settled(self, run: UUID) -> str:
        """How a run has ended. A server that was killed leaves it running, and it goes on to its end."""
        if not self.waited(run, PATIENCE_SECONDS):
            return "gave no end"
        state = self.read(run).state
        return (state and state.name) or "unknown"

    def waited(self, run: UUID, seconds: float) -> bool:
        """Whether a run was over within this time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.read(run).state
            if state and state.is_final():
                return True
            time.sleep(1)
        return False

    def read(self, run: UUID) -> FlowRun:
        """What the server says of it."""
        with self.launcher.client() as client:
            return client.read_flow_run(run)

    def kill(self, run: UUID, victim: str) -> None:
        """End one of the three, or all, without a word."""
        ids = {"flow": self.read(run).infrastructure_pid}
        for name, program in (("worker", self.launcher.worker), ("server", self.launcher.server)):
            record = program.running()
            ids[name] = str(record.pid) if record else None
        for name in ("flow", "worker", "server") if victim == "all" else (victim,):
            try:
                os.kill(int(ids[name] or 0) or 2**22, signal.SIGKILL)
            except ProcessLookupError:
                log.info("%s was not there", name)


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
    arguments = parser.parse_args()
    os.environ["TMPDIR"] = str(arguments.folder.resolve() / "tmp")
    Path(os.environ["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    launcher.START_SECONDS = PATIENCE_SECONDS
    farms = Farms(arguments.folder.resolve(), arguments.port)
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
