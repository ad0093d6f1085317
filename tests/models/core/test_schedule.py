import pytest
from pydantic import ValidationError

from models.core.schedule import Schedule


def test_a_number_is_the_same_everywhere():
    assert [Schedule(3.0).at(progress) for progress in (0.0, 0.4, 1.0)] == [3.0, 3.0, 3.0]


def test_knots_are_joined_by_lines_and_held_flat_outside():
    ramp = Schedule({0.5: 0.0, 0.75: 2.0})
    assert [ramp.at(progress) for progress in (0.0, 0.5, 0.625, 0.75, 1.0)] == [0.0, 0.0, 1.0, 2.0, 2.0]


def test_the_order_of_knots_does_not_matter():
    assert Schedule({0.75: 2.0, 0.5: 0.0}).at(0.6) == Schedule({0.5: 0.0, 0.75: 2.0}).at(0.6)


def test_equal_schedules_are_one_key():
    known = {Schedule({0.0: 1.0, 0.5: 2.0}): "knots", Schedule(3.0): "number"}
    assert known[Schedule({0.5: 2.0, 0.0: 1.0})] == "knots" and known[Schedule(3)] == "number"
    assert Schedule({0.0: 1.0}) not in known


def test_it_survives_json():
    ramp = Schedule({0.25: 1.0, 0.5: 3.0})
    assert Schedule.model_validate_json(ramp.model_dump_json()) == ramp


@pytest.mark.parametrize(("root", "said"), [({}, "has no knots"), ({1.5: 1.0}, "less than or equal to 1")])
def test_a_wrong_schedule_is_refused(root, said):
    with pytest.raises(ValidationError, match=said):
        Schedule(root)
