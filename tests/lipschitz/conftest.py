"""Shares the fixture of a small workspace with the tests of the training."""

from tests.train.conftest import workspace

__all__ = ["workspace"]
