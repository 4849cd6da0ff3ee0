"""Describe an error of the store in one line, with its cure."""

import sqlite3

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from pipeline.tracking.address import embedded_uri, find_uri, hide_password
from pipeline.tracking.store import StoreDownError
from pipeline.tracking.store_check import check_store
from stages.common.cli import CURES
from stages.common.cli import describe_error as describe_system_error

# The errors of a store that is down, slow, restarting, damaged, read-only or without its driver.
STORE_ERRORS = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError)
LONGEST_REASON = 300
ADVICE = {
    "locked": "it is locked by another program; end the program that writes to it",
    "readonly": "it is read-only for this user",
    "read-only": "it is read-only for this user",
    "disk is full": "the disk is full; free some space",
    "out-of-date database schema": "an older MLflow made it; run `mlflow db upgrade` with its address",
}


def describe_error(error: Exception) -> str:
    """Describe an error of the store that `find_uri` names.

    The present state of the store explains more than MLflow's message, so it is checked first.
    """
    if isinstance(error, StoreDownError):
        return str(error)
    if is_of_disk(error):
        return describe_system_error(error)
    try:
        reason = check_store()
    except ValueError as fault:
        reason = str(fault)
    return reason or f"{_name_store()} failed: {_shorten(error)}"


def is_of_disk(error: Exception) -> bool:
    """Tell whether an error is a fault of a local file or disk that has a known cure."""
    return isinstance(error, OSError) and error.errno in CURES


def _name_store() -> str:
    uri = find_uri()
    return "tracking/mlflow.db" if uri == embedded_uri() else hide_password(uri)


def _shorten(error: Exception) -> str:
    if isinstance(error, OSError):
        return describe_system_error(error)
    text = str(error)
    advice = next((advice for sign, advice in ADVICE.items() if sign in text), "")
    return advice or text.strip().partition("\n")[0][:LONGEST_REASON]
