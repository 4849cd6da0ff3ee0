"""Share the fixture of a small workspace with the tests of the stage train."""

from tests.train.conftest import workspace

__all__ = ["workspace"]
