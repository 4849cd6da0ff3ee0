"""A benchmark's processes do the requested number of repetitions, and a process that fails gives the reason."""

import operator
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.interleaved import BenchmarkError, BenchmarkProcess


def test_a_process_works_once_at_first_and_then_as_often_as_it_is_told(tmp_path: Path) -> None:
    counts = tmp_path / "counts.npy"
    process = BenchmarkProcess(partial, np.save, counts)
    assert process.receive() > 0
    assert np.load(counts) == 1
    assert process.run(3) > 0
    assert np.load(counts) == 3
    process.stop()
    assert not process.process.is_alive()


def test_work_that_fails_is_reported_by_its_error() -> None:
    process = BenchmarkProcess(partial, operator.getitem, [0, 0])
    process.receive()
    with pytest.raises(BenchmarkError, match="IndexError: list index out of range"):
        process.run(2)
    process.stop()


def test_a_process_that_dies_is_reported_by_its_exit_code() -> None:
    with pytest.raises(BenchmarkError, match="its process ended with exit code 1"):
        BenchmarkProcess(partial, os._exit).receive()
