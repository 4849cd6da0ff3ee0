"""Truncated files of every format are read up to the cut where the format allows it, or else named in an error."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from pipeline.tracking.lineage import read_lock
from pipeline.tracking.results import parse_rows
from stages.common.artifacts import Trial, read_array, read_images, read_json, write_array, write_json
from stages.networks.snapshots import load_snapshot
from stages.report.results.losses import read_losses
from stages.scores.moments import Moments, read_moments, write_moments
from stages.train.checkpoint import write_snapshot

TRIAL = Trial("sngan", "A", 0)
NETWORK = nn.Linear(3, 2)
LOSSES = Path("results/train/sngan-A-0/losses.csv")
SNAPSHOT = Path("models/sngan-A-0/generator.safetensors")
LOCK = """schema: '2.0'
stages:
  train@sngan-A-0:
    cmd: python -m stages.train
    deps:
    - path: data/prepared
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
      size: 7
    params:
      params.yaml:
        train: {batch_size: 16}
    outs:
    - path: models/sngan-A-0
      md5: 0123456789abcdef0123456789abcdee.dir
"""


def load_network(path: Path) -> None:
    load_snapshot(NETWORK, TRIAL, path.name)


MOMENTS = Moments(9, np.zeros(3), np.eye(3))
# For each format, by name: the file, the function that writes it, and the function that reads it.
FORMATS: dict[str, tuple[Path, Callable[[Path], object], Callable[[Path], object]]] = {
    "a record": (
        Path("manifest.json"),
        lambda path: write_json(path, {"points": [{"fid": 1.5}]}),
        lambda path: read_json(path, "train"),
    ),
    "labels": (
        Path("labels.npy"),
        lambda path: write_array(path, np.arange(9)),
        lambda path: read_array(path, "prepare"),
    ),
    "images": (
        Path("images.npy"),
        lambda path: write_array(path, np.zeros((2, 1, 3, 3), np.uint8)),
        lambda path: read_images(path, "prepare"),
    ),
    "a snapshot": (SNAPSHOT, lambda path: write_snapshot(path, NETWORK), load_network),
    "moments": (Path("moments.safetensors"), lambda path: write_moments(path, MOMENTS), read_moments),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path, write, read = FORMATS[name]
    write(path)
    content = path.read_bytes()
    read(path)
    for size in range(len(content.rstrip())):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=re.escape(path.name)):
            read(path)


def test_a_log_that_is_being_written_has_the_rows_that_are_whole() -> None:
    rows = [{"generator_step": step, "generator_loss": step / 3} for step in (1, 5, 10)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    for size in range(len(content) + 1):
        assert parse_rows(content[:size]) == rows[: content[:size].count(b"\n")]


def test_a_lock_file_that_is_cut_is_named_or_has_whole_entries(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    for size in range(len(LOCK)):
        path.write_text(LOCK[:size])
        try:
            lock = read_lock(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert all(
                isinstance(out["path"], str) for entry in lock.values() for out in entry.get("outs", [])
            )


@pytest.mark.parametrize(
    "damage",
    [b"\xff\xfe", b"generator_step\n1\n", b"generator_step,discriminator_loss,generator_loss\n1,x,y\n"],
)
def test_damaged_losses_are_named(damage: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    LOSSES.parent.mkdir(parents=True)
    LOSSES.write_bytes(damage)
    with pytest.raises(ValueError, match=r"losses\.csv is damaged"):
        read_losses(TRIAL)
