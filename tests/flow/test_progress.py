"""The line that the terminal shows when a trial has scores."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.flow.progress import describe_scores
from stages.common.artifacts import POINTS, SCORES, write_json

POINT = {"generator_step": 800, "fid": 202.66, "inception_score": 3.277}


@pytest.mark.parametrize(
    ("points", "line"),
    [
        ([POINT | {"fid": 1.0}, POINT], "sngan-A-0  FID 202.7  IS 3.28 at generator step 800"),
        ([POINT | {"inception_score": None}], "sngan-A-0  FID 202.7 at generator step 800"),
        ([], "sngan-A-0  diverged before its first snapshot"),
    ],
)
def test_a_trial_has_the_scores_of_its_last_point_that_its_extractor_gives(
    points: list[dict[str, Any]], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(SCORES / "sngan-A-0" / POINTS, {"points": points})
    assert describe_scores("sngan-A-0") == line
