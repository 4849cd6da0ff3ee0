"""A log is read while it is written, torn and put in another's place."""

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
    rows, followed.offset, followed.inode = read_new_rows(followed)
    return [row["generator_step"] for row in rows]


def to_lines(*steps: int) -> str:
    return "".join(json.dumps({"generator_step": step}) + "\n" for step in steps)


def test_only_new_rows_are_read_and_a_torn_one_when_it_is_whole(followed: FollowedTraining) -> None:
    with followed.log.open("w") as log:
        log.write(to_lines(1, 5) + '{"generator')
        log.flush()
        assert read(followed) == [1, 5]
        log.write('_step": 10}\n')
        log.flush()
        assert read(followed) == [10]
        assert read(followed) == []


def test_a_log_put_in_the_place_of_another_is_read_from_its_start(
    followed: FollowedTraining, tmp_path: Path
) -> None:
    followed.log.write_text(to_lines(1, 5, 10))
    assert read(followed) == [1, 5, 10]
    (tmp_path / "new").write_text(to_lines(1, 5, 15, 20))
    (tmp_path / "new").replace(followed.log)
    assert read(followed) == [1, 5, 15, 20]


def test_a_number_that_is_not_finite_is_nan_and_not_left_out() -> None:
    row: dict[str, Any] = {"generator_step": 3, "epoch": 0.5, "elapsed_seconds": 2.0, "generator_loss": None}
    values = {value.key: value for value in list_training_values([row])}
    assert math.isnan(values["train/generator_loss"].value)
    assert (values["epoch"].value, values["epoch"].generator_step, values["epoch"].seconds) == (0.5, 3, 2.0)
