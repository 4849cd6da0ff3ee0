"""The check that guards what relies on MLflow's inner workings: the paths in its tables and its saved views."""

import warnings
from importlib.metadata import version

# tests/tracking/test_mlflow_version.py holds what is assumed about this version against the installed one.
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
