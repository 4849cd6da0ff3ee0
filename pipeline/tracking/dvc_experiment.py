"""Find the DVC experiment that this process belongs to, from the variables that `dvc exp run` sets for every stage.

`dvc exp run --temp` and `dvc exp run --queue` work in a copy of the repository, which they remove at their end. So the
MLflow runs of an experiment go to the store of the repository itself. They supersede no other runs there, because a
person decides later whether to apply the experiment. The next sync of the repository then marks the current runs.

Source: dvc/repo/experiments/queue/base.py, where DVC sets both variables.
"""

import os
from pathlib import Path

NAME = "DVC_EXP_NAME"
ROOT = "DVC_ROOT"
TAG = "dvc_experiment"


def find_repository() -> Path:
    """Return the root of the repository that has the store; from an experiment's copy, that of the original."""
    root = os.environ.get(ROOT)
    return Path(root) if NAME in os.environ and root and Path(root).is_dir() else Path()


def is_copy() -> bool:
    """Tell whether the working folder is an experiment's copy of the repository."""
    return not find_repository().samefile(Path())


def describe_dvc_experiment() -> dict[str, str]:
    """Return MLflow tags with the name of the DVC experiment; none outside of an experiment."""
    name = os.environ.get(NAME)
    return {TAG: name} if name else {}
