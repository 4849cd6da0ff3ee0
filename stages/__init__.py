"""The stages of the comparison, a package each: `python -m stages.train ...`."""

from stages.common.environment import explain_missing_environment

explain_missing_environment()
