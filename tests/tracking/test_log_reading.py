"""New rows of a log are read correctly while the log is written, truncated and replaced."""

import json
import math
from pathlib import Path
from typing import Any, cast

import pytest
from mlflow.entities import Run

from pipeline.tracking.follower import FollowedTraining, read_new_rows
from pipeline.tracking.results import list_training_values
from pipeline.tracking.timings import TrainingTimes


@pytest.fixture
def followed(tmp_path: Path) -> FollowedTraining:
    return FollowedTraining(tmp_path / "metrics.jsonl", cast(Run, None))


def read(followed: FollowedTraining) -> list[int]:
    """Return the steps of the new rows, and record the last one as sent."""
    steps = [row["generator_step"] for row in read_new_rows(followed)]
    followed.sent_step = steps[-1] if steps else followed.sent_step
    return steps


def to_lines(*steps: int) -> str:
    return "".join(json.dumps({"generator_step": step}) + "\n" for step in steps)


def test_only_new_rows_are_read_and_an_unfinished_one_once_it_is_finished(followed: FollowedTraining) -> None:
    with followed.log.open("w") as log:
        log.write(to_lines(1, 5) + '{"generator')
        log.flush()
        assert read(followed) == [1, 5]
        log.write('_step": 10}\n')
        log.flush()
        assert read(followed) == [10]
        assert read(followed) == []


def test_of_a_log_that_a_resumed_training_replaced_only_later_rows_are_new(
    followed: FollowedTraining, tmp_path: Path
) -> None:
    followed.log.write_text(to_lines(1, 5, 10, 15))
    assert read(followed) == [1, 5, 10, 15]
    (tmp_path / "new").write_text(to_lines(1, 5))
    (tmp_path / "new").replace(followed.log)
    assert read(followed) == []
    with followed.log.open("a") as log:
        log.write(to_lines(10, 15, 20))
    assert read(followed) == [20]


def test_a_log_that_was_deleted_has_no_rows(followed: FollowedTraining) -> None:
    assert read(followed) == []


def test_a_number_that_is_not_finite_is_nan_and_not_left_out() -> None:
    row: dict[str, Any] = {"generator_step": 3, "epoch": 0.5, "generator_loss": None}
    times = TrainingTimes([{"generator_step": 4, "elapsed_seconds": 2.0}])
    values = {value.key: value for value in list_training_values([row], times)}
    assert math.isnan(values["gan_loss/generator"].value)
    assert (values["epoch"].value, values["epoch"].generator_step, values["epoch"].seconds) == (0.5, 3, 2.0)


def test_times_are_found_for_every_row_and_none_are_invented(tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    rows = [
        {"generator_step": step, "elapsed_seconds": step / 2, "images_per_second": 8.0} for step in (4, 8)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    times = TrainingTimes.read(path)
    assert [times.seconds_until(step) for step in (1, 4, 5, 8, 9)] == [2.0, 2.0, 4.0, 4.0, 4.0]
    assert times.training_seconds == 4.0
    missing = TrainingTimes.read(tmp_path / "none.jsonl")
    assert (missing.seconds_until(4), missing.list_numbers(4), missing.training_seconds) == (0.0, {}, None)


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "null", '{"generator_step": 1}', "\ufffd", '{"elapsed_seconds": "x"}']
)
def test_a_damaged_line_of_times_ends_what_is_read_of_them(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    path.write_text('{"generator_step": 4, "elapsed_seconds": 2.0}\n' + damage + "\n")
    assert TrainingTimes.read(path).training_seconds == 2.0
