"""What a reader concludes from the table is what the scores say."""

from math import nan

from storage.formats.number_table import compare_numbers, numbers_of_run, summarise
from storage.runs.scores import START, Score

ON = ("Measured on animals.", "Measured on animals.")


def score(metric, method, mean, better="higher", **changes):
    names = {"metric": metric, "method": method, "better": better, "unit": "%", "protocol": f"how {metric} is made"}
    return Score.model_validate(names | {"mean": mean, "spread": 1.0, "count": 7} | changes)


def texts(row):
    return [cell and f"{cell.text} {cell.verdict or ''}".strip() for cell in row.cells]


def run(iou=77.24, error=0.5, name="run", **changes):
    return [
        score("IoU", name, iou, **changes), score("error", name, error, "lower", **changes),
        score("IoU", "sphere", 60), score("IoU", START, 70.0), score("error", START, 0.4, "lower"),
    ]  # fmt: skip


def test_the_start_and_the_change_stand_beside_the_run_and_then_the_baselines():
    numbers = numbers_of_run([*run(), score("IoU", "run refined", 80)])
    assert [column.name for column in numbers.columns] == [
        "this run", START, "change by training", "sphere", "this run refined",
    ]  # fmt: skip
    assert [column.own for column in numbers.columns] == [True, False, False, False, False]
    iou, error = numbers.rows
    assert texts(iou) == ["77.2", "70.0", "▲ +7.2 better", "60.0", "80.0"]
    assert texts(error) == ["0.5000", "0.4000", "▲ +0.1000 worse", None, None]
    assert summarise(numbers, "{better} {same} {worse} of {all}") == "1 0 1 of 2"


def test_the_best_of_a_row_is_what_the_reader_sees_as_best():
    numbers = numbers_of_run([score("IoU", "run", 70.04), score("IoU", "sphere", 69.96), score("IoU", "mean", 1)])
    assert [cell.best for cell in numbers.rows[0].cells] == [True, True, False]
    level = numbers_of_run([score("IoU", "run", 70), score("IoU", "sphere", 70)])
    assert not any(cell.best for cell in level.rows[0].cells)
    lower = numbers_of_run([score("e", "run", 2, "lower"), score("e", "sphere", 1, "lower")])
    assert [cell.best for cell in lower.rows[0].cells] == [False, True]


def test_a_change_that_the_shown_digits_do_not_show_is_none():
    numbers = numbers_of_run([score("IoU", "run", 70.04), score("IoU", START, 70.0)])
    assert texts(numbers.rows[0]) == ["70.0", "70.0", "0.0 same"]


def test_what_was_not_measured_is_no_number():
    numbers = numbers_of_run([score("IoU", "run", nan), score("IoU", START, 70.0), score("new", "run", 1.0)])
    assert [texts(row) for row in numbers.rows] == [[None, "70.0", None], ["1.00", None, None]]
    assert numbers_of_run([]).rows == [] and numbers_of_run([]).columns == []
    assert summarise(numbers_of_run([score("IoU", "run", 1)]), "{all}") == ""


def test_two_runs_stand_beside_each_other_and_their_starts():
    numbers, notes = compare_numbers(run(), run(iou=80.0, name="other"), ON)
    assert [column.name for column in numbers.columns] == ["A", "B", "from A to B", "start of A", "start of B"]
    assert texts(numbers.rows[0]) == ["77.2", "80.0", "▲ +2.8 better", "70.0", "70.0"]
    assert texts(numbers.rows[1]) == ["0.5000", "0.5000", "0.0000 same", "0.4000", "0.4000"]
    assert notes == []


def test_a_run_beside_itself_is_the_same_everywhere():
    numbers, _ = compare_numbers(run(), run(), ON)
    assert summarise(numbers, "{better} {same} {worse}") == "0 2 0"


def test_numbers_that_were_measured_otherwise_are_not_set_against_each_other():
    numbers, (note,) = compare_numbers(run(), run(), ("Measured on animals.", "Measured on photos."))
    assert "Not to be compared" in note and "animals" in note and "photos" in note
    assert [column.name for column in numbers.columns] == ["A", "B", "start of A", "start of B"]
    numbers, (note,) = compare_numbers(run(), run(protocol="another way"), ON)
    assert "left out: IoU, error" in note
    assert [column.name for column in numbers.columns] == ["A", "start of A"]
    _, (note,) = compare_numbers(run(), run(count=3), ON)
    assert "not measured on as many examples" in note


def test_runs_without_numbers_or_start_are_compared_as_far_as_they_go():
    assert compare_numbers([], [], ON)[0].rows == []
    numbers, notes = compare_numbers([score("IoU", "a", 1)], [], ON)
    assert [column.name for column in numbers.columns] == ["A"] and notes == []
    only = compare_numbers([score("IoU", "a", 1)], [score("new", "b", 2)], ON)[0]
    assert [texts(row) for row in only.rows] == [["1.00", None, None], [None, "2.00", None]]
