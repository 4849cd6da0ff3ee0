"""Interrupt a training in the middle of an update, as a kill would, for tests of resuming."""

from pathlib import Path

import pytest

from stages.train.data import Batches, RawBatch


class Killed(BaseException):
    """Stands for a kill: nothing in the code under test can catch it."""


def kill_at(patch: pytest.MonkeyPatch, discriminator_step: int) -> None:
    """Make the training end when it requests the batch of a discriminator step, counted from 0."""
    fetch = Batches.fetch

    def fetch_until_killed(self: Batches, number: int) -> RawBatch:
        if number >= discriminator_step:
            raise Killed
        return fetch(self, number)

    patch.setattr(Batches, "fetch", fetch_until_killed)


def remove_scratch() -> None:
    for path in sorted(Path(".scratch").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
