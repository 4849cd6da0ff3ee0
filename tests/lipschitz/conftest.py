"""The tiny repository root that trainings are tested in."""

from tests.train.conftest import workspace

__all__ = ["workspace"]
