from types import SimpleNamespace

from flows import barnyard as module
from flows.barnyard import barnyard


def test_all_photos_are_there_before_anybody_learns_and_the_teacher_learns_first(monkeypatch):
    order = []

    def submit(work, config, worker, workers):
        return SimpleNamespace(result=lambda: order.append(f"draw {worker} of {workers}"))

    monkeypatch.setattr(module, "draw", SimpleNamespace(submit=submit))
    monkeypatch.setattr(module, "teach", lambda part, work, weights, config: order.append(part) or part)
    parts = ["vit", "teacher", "pointrend", "quadruped", "keypoints"]
    assert barnyard.fn("weights", "work") == parts
    assert order == ["draw 0 of 2", "draw 1 of 2", *parts]
