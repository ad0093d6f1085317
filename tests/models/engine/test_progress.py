import pytest
import torch

from models.engine.progress import Meter, duration, line


def test_the_line_is_the_one_of_the_style() -> None:
    values = {"loss": 0.412, "mask": 0.12, "sds": 0.21, "rgb": 9.0, "steps_per_second": 3.1}
    written = line(1200, 80000, values, ("mask", "sds", "features"))
    assert written == "step 01200/80000 | loss 0.412 | mask 0.120 sds 0.210 | 3.1 it/s | eta 7h03m"
    assert line(1200, 80000, values, ()) == "step 01200/80000 | loss 0.412 | 3.1 it/s | eta 7h03m"


@pytest.mark.parametrize(("seconds", "words"), [(12.4, "12s"), (249.0, "4m09s"), (22320.0, "6h12m"), (3599.6, "1h00m")])
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_value_is_averaged_over_the_steps_that_had_it() -> None:
    meter = Meter()
    meter.add({"loss": torch.tensor(1.0), "sds": 4.0})
    meter.add({"loss": torch.tensor(3.0)})
    means = meter.read()
    assert (means["loss"], means["sds"]) == (2, 4)
    assert means["steps_per_second"] > 0


def test_reading_starts_anew() -> None:
    meter = Meter()
    meter.add({"loss": 1.0})
    meter.read()
    meter.add({"loss": 5.0})
    assert meter.read()["loss"] == 5
