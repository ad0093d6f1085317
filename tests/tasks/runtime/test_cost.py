"""Seconds and megabytes are those of the answers alone, and a process that fails says why."""

import time

import pytest
import torch

from storage.store.references import ModelRef
from tasks.inference.loading import validation
from tasks.runtime import cost
from tasks.runtime.cost import answer_photos, measure_cost


@pytest.fixture
def photos(crops):
    stored = validation(crops, 32, 2)
    return [stored.batch(torch.tensor([row])) for row in (0, 1, 0)]


class Slow:
    """Takes long for its first photo, and keeps 64 MB for the second."""

    def __init__(self):
        self.kept = []

    def predict(self, batch):
        self.kept.append(torch.ones(16 << 20) if self.kept else spin(0.5))
        return self

    def mesh(self, row):
        return None


def spin(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_first_photo_warms_up_and_memory_is_counted_while_it_is_held(photos, monkeypatch):
    monkeypatch.setattr(cost, "reconstructor", lambda *_: Slow())
    measured = answer_photos(None, False, photos, "cpu:0")
    assert 0 < measured.seconds < 0.5
    assert measured.memory_mb - measured.idle_mb > 50 and measured.gpu_mb is None


def test_a_finished_model_is_asked_as_it_predicts_or_refined(model, photos, monkeypatch):
    asked = []
    monkeypatch.setattr(cost, "reconstructor", lambda *given: asked.append(given) or Slow())
    answer_photos(model, True, photos, "cpu:0")
    assert asked == [(model, "cpu:0", True)]


@pytest.mark.slow
def test_a_process_of_its_own_answers_or_says_why_not(model, photos):
    measured = measure_cost(model, False, photos, "cpu:0")
    assert measured.seconds > 0 and measured.memory_mb > measured.idle_mb > 50
    with pytest.raises(RuntimeError, match="unknown: the process that answered photos failed: MissingArtifact: "):
        measure_cost(ModelRef(root=model.root, category="cow", run="unknown"), False, photos, "cpu:0")
