"""A log is read while it is written, cut short and replaced."""

import json
import math
from pathlib import Path
from typing import Any, cast

import pytest
from mlflow.entities import Run

from pipeline.tracking.follower import FollowedTraining, read_new_rows
from pipeline.tracking.results import list_training_values


@pytest.fixture
def followed(tmp_path: Path) -> FollowedTraining:
    return FollowedTraining(tmp_path / "metrics.jsonl", cast(Run, None))


def read(followed: FollowedTraining) -> list[int]:
    """Read the new rows' steps, and note the last as sent."""
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
    row: dict[str, Any] = {"generator_step": 3, "epoch": 0.5, "elapsed_seconds": 2.0, "generator_loss": None}
    values = {value.key: value for value in list_training_values([row])}
    assert math.isnan(values["train/generator_loss"].value)
    assert (values["epoch"].value, values["epoch"].generator_step, values["epoch"].seconds) == (0.5, 3, 2.0)
