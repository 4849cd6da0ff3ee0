"""What is measured by hand: `python -m benchmarks.training`."""

from stages.common.environment import explain_missing_environment

explain_missing_environment()
