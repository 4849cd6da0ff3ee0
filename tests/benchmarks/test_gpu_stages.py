"""The commands of docs/gpu.md run on a CPU, with tiny params and without packages that a bare machine lacks."""

import io
import os
import re
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_bare_environment import ELSEWHERE

ROOT = Path(__file__).parents[2]
# Python imports sitecustomize before anything else.
BLOCKED = f"import sys\nfor name in {ELSEWHERE}:\n    sys.modules[name] = None\n"


def write_zip(path: Path, split: str, count: int) -> None:
    random = np.random.default_rng(len(split))
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            buffer = io.BytesIO()
            level = 60 * (index % 3)
            pixels = random.integers(level, level + 90, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(buffer, "JPEG")
            archive.writestr(f"{split}/class_{index % 3}/{index:04}.jpg", buffer.getvalue())


def run_parts(folder: Path, *parts: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"DEVICE": "cpu", "TINY": "1", "OUT": str(folder / "out"), "WORK": str(folder / "work")}
    environment |= {"PYTHONPATH": str(folder / "blocked"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        ["bash", ROOT / "benchmarks/gpu_stages.sh", *parts],
        env=os.environ | environment | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.slow
def test_data_training_and_scores_are_made_by_the_stages_alone(tmp_path: Path) -> None:
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked/sitecustomize.py").write_text(BLOCKED)
    write_zip(tmp_path / "whole.zip", "train", 120)
    write_zip(tmp_path / "test.zip", "test", 90)
    whole = (tmp_path / "whole.zip").read_bytes()
    for part, content in (("a", whole[:9000]), ("b", whole[9000:])):
        (tmp_path / f"train.{part}").write_bytes(content)
    zips = {"TRAIN_ZIP": str(tmp_path / "train.*"), "TEST_ZIP": str(tmp_path / "test.zip")}
    done = run_parts(tmp_path, "data", "train", "scores", TRAIN_STEPS="12", **zips)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sngan-C-0: done, 12 of 12 generator steps" in (tmp_path / "out/train.txt").read_text()
    row = re.search(r"\| sngan-C-0 \| 2, 4, 6, 8, 10, 12 \| (.+) \| (.+) \|", done.stdout)
    assert row is not None
    assert all(len(scores.split(", ")) == 6 for scores in row.groups())


@pytest.mark.slow
def test_a_part_that_fails_does_not_keep_the_next_from_running(tmp_path: Path) -> None:
    done = run_parts(tmp_path, "data", "smoke", TRAIN_ZIP="nowhere.zip", TEST_ZIP="nowhere.zip")
    assert done.returncode == 1
    assert re.search(r"== data: failed with exit code 1", done.stdout)
    assert re.search(r"== smoke: done", done.stdout)


def test_a_part_that_there_is_not_is_refused_before_any_other_runs(tmp_path: Path) -> None:
    done = run_parts(tmp_path, "smoke", "tabels")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the part tabels is unknown; there is smoke tests limits")
    assert done.stdout == ""
