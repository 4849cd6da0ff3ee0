"""What went wrong with a store, and what to do, in one line."""

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
    "locked": "another program holds it locked; end what writes to it",
    "readonly": "it is read-only for this user",
    "read-only": "it is read-only for this user",
    "disk is full": "the disk is full; free some space",
    "out-of-date database schema": "an older MLflow made it; run `mlflow db upgrade` with its address",
}


def describe_error(error: Exception) -> str:
    """Describe an error of the store that `find_uri` names.

    What the store is like now tells more than what MLflow says of it, so that is looked at first.
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
    """Tell whether an error is one of files and disks, which names its cure."""
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
