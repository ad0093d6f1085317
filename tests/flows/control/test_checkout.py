import os
import subprocess
import sys

from flows.control import checkout
from flows.control.checkout import ROOT, enter_checkout
from flows.deployments import list_deployments

RUN = """
import subprocess
import prefect.main
from prefect.logging import get_logger
from flows.control.checkout import enter_checkout
get_logger("test").warning("nobody reads this, and nothing ends")
enter_checkout()
get_logger("test").warning("told by Prefect")
print("printed")
subprocess.run(["sh", "-c", "echo by a program && echo and its errors >&2"], check=True)
print("the end")
"""


def test_a_flow_runs_in_the_checkout_that_holds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(checkout, "print_to_log", lambda: None)
    monkeypatch.chdir(tmp_path)
    assert enter_checkout() == {"directory": str(ROOT)} and os.getcwd() == str(ROOT)
    assert (ROOT / "prefect.yaml").is_file()


def test_what_a_run_prints_after_its_worker_died_is_in_the_log(tmp_path):
    log = tmp_path / "worker.log"
    log.write_text("of the worker\n")
    (variables, *_) = [deployment["work_pool"]["job_variables"] for deployment in list_deployments()]
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        env={**os.environ, **variables["env"], "PREFECT_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout and run.stderr
    run.stdout.close()
    run.stderr.close()
    assert run.wait(60) == 0, log.read_text()
    lines = log.read_text().splitlines()
    assert lines[0] == "of the worker" and lines[-1] == "the end"
    for words in ("told by Prefect", "printed", "by a program", "and its errors"):
        assert any(words in line for line in lines), words
