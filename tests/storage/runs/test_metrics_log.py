from storage.runs.metrics_log import MetricsLog, read_metrics


def test_reports_are_read_again_in_order(root) -> None:
    url = f"{root}/journal.jsonl"
    assert read_metrics(url) == []
    journal = MetricsLog(url)
    journal.add(50, {"loss": 0.5})
    journal.add(100, {"loss": 0.25, "mask": 0.1})
    assert read_metrics(url) == [{"step": 50, "loss": 0.5}, {"step": 100, "loss": 0.25, "mask": 0.1}]


def test_a_run_that_goes_on_from_a_checkpoint_reports_no_step_twice(root) -> None:
    url = f"{root}/journal.jsonl"
    for step in (50, 100, 150):
        MetricsLog(url).add(step, {"loss": 1.0})
    MetricsLog(url).add(100, {"loss": 2.0})
    assert read_metrics(url) == [{"step": 50, "loss": 1.0}, {"step": 100, "loss": 2.0}]
