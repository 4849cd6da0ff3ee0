"""Check MLflow's version before code relies on MLflow's internals: the paths in its tables, and its saved views."""

import warnings
from importlib.metadata import version

# tests/tracking/test_mlflow_version.py checks that the installed version behaves as is assumed for this one.
VERIFIED_VERSION = "3.17.2"


def is_verified_version() -> bool:
    """Tell whether the installed MLflow is the version that was verified; with another one, warn."""
    installed = version("mlflow")
    if installed != VERIFIED_VERSION:
        warnings.warn(
            f"MLflow {installed} is installed, and its saved views and tables were verified for {VERIFIED_VERSION} "
            "alone: no views are saved, and artifacts are not found after the repository has moved",
            stacklevel=2,
        )
    return installed == VERIFIED_VERSION
