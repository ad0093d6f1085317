import pytest

from storage.runs.checkpoints import Checkpoints
from storage.runs.metrics_log import MetricsLog, read_metrics
from storage.runs.training_runs import StageAbout
from storage.store import bundles, files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.layout import Store


def test_reports_are_read_again_in_order(root) -> None:
    url = f"{root}/journal.jsonl"
    assert MetricsLog(url).lines == []
    journal = MetricsLog(url)
    journal.add(50, {"loss": 0.5})
    journal.add(100, {"loss": 0.25, "mask": 0.1})
    assert MetricsLog(url).lines == [{"step": 50, "loss": 0.5}, {"step": 100, "loss": 0.25, "mask": 0.1}]


def test_a_run_that_goes_on_from_a_checkpoint_reports_no_step_twice(root) -> None:
    url = f"{root}/journal.jsonl"
    for step in (50, 100, 150):
        MetricsLog(url).add(step, {"loss": 1.0})
    MetricsLog(url).add(100, {"loss": 2.0})
    assert MetricsLog(url).lines == [{"step": 50, "loss": 1.0}, {"step": 100, "loss": 2.0}]


@pytest.mark.parametrize("damage", [b'{"step": 50, "loss": 0.7}\n', b'{"step": 50, "lo', b"", b"[1]\n", b"\xff"])
def test_whoever_goes_on_from_a_checkpoint_has_the_reports_of_then(folder, damage) -> None:
    url = f"{folder}/journal.jsonl"
    journal = MetricsLog(url)
    journal.add(50, {"loss": 0.5})
    Checkpoints(folder, journal).save(50, {"step": 50})
    journal.add(100, {"loss": 0.25})
    files.put(url, damage)
    again = MetricsLog(url)
    assert Checkpoints(folder, again).newest()[0] == 50
    assert again.lines == MetricsLog(url).lines == [{"step": 50, "loss": 0.5}]


def test_a_finished_stage_vouches_for_its_reports(folder) -> None:
    model = Store(folder).model("cow", "run")
    journal, where = MetricsLog(layout.metrics(model, "animal")), layout.stage(model, "animal")
    journal.add(50, {"loss": 0.5})
    with pytest.raises(MissingArtifact, match="is not committed"):
        read_metrics(model, "animal")
    bundles.commit(where, {layout.JOURNAL: journal.encode()}, StageAbout(steps=50))
    assert read_metrics(model, "animal") == journal.lines
    files.put(layout.metrics(model, "animal"), journal.encode().replace(b"0.5", b"0.4"))
    with pytest.raises(CorruptArtifact, match="metrics.jsonl: has sha256"):
        read_metrics(model, "animal")
