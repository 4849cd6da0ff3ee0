"""What the environment says to MLflow, checked without MLflow, which ends in a traceback where it cannot read it."""

import importlib.util
import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from stages.common.errors import InputError

LEVEL = "MLFLOW_LOGGING_LEVEL"
# How MLflow defines a variable that holds a number, and one that is true or false.
NUMBER = re.compile(r'_EnvironmentVariable\(\s*"(MLFLOW_\w+)",\s*(int|float)\b')
BOOLEAN = re.compile(r'_BooleanEnvironmentVariable\(\s*"(MLFLOW_\w+)"')
BOOLEANS = ("true", "false", "1", "0")
KINDS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "int": (int, "a whole number"),
    "float": (float, "a number"),
}


def check_settings() -> None:
    """Check the variables of the environment that MLflow reads as numbers, as true or false, or as a level of its log.

    Raises:
        InputError: MLflow cannot read one of them; says what it may hold.
    """
    if not any(name.startswith("MLFLOW_") for name in os.environ):
        return
    level = os.environ.get(LEVEL)
    if level is not None and level.upper() not in logging.getLevelNamesMapping():
        _refuse(LEVEL, "one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    source = _read_definitions()
    for name, kind in NUMBER.findall(source):
        convert, description = KINDS[kind]
        try:
            convert(os.environ.get(name, "1"))
        except ValueError:
            _refuse(name, description)
    for name in BOOLEAN.findall(source):
        if os.environ.get(name, "true").lower() not in BOOLEANS:
            _refuse(name, "true or false")


def _read_definitions() -> str:
    """Read the file in which MLflow defines its variables; nothing where it has moved."""
    package = importlib.util.find_spec("mlflow")
    folders = list(package.submodule_search_locations or []) if package is not None else []
    files = [Path(folder) / "environment_variables.py" for folder in folders]
    return "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


def _refuse(name: str, allowed: str) -> None:
    raise InputError(
        f"{name} = {os.environ[name]!r} is nothing that MLflow can read; give {allowed}, or unset it"
    )
