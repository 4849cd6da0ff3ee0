"""Contenders work in processes of their own, as often as they are told to."""

from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.turns import Contender, take_turns


def test_contender_works_once_at_first_and_then_as_often_as_it_is_told(tmp_path: Path) -> None:
    told = tmp_path / "told.npy"
    contender = Contender(take_turns, partial(np.save, told))
    assert contender.first_seconds > 0
    assert np.load(told) == 1
    assert contender.work(3) > 0
    assert np.load(told) == 3
    contender.finish()
    assert not contender.process.is_alive()
