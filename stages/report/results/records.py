"""Read JSON records of other stages; the error for a damaged record names the stage that makes it anew."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from stages.common.artifacts import read_json
from stages.common.errors import InputError

Result = TypeVar("Result")


def read_record(path: Path, made_by: str, keys: Iterable[str]) -> dict[str, Any]:
    """Read a JSON record that must have `keys`.

    Raises:
        InputError: the file is missing, is not JSON, or lacks a key.
    """
    record = read_json(path, made_by)
    missing = [key for key in keys if not isinstance(record, dict) or key not in record]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; make it anew: `dvc repro -f {made_by}`")
    return dict(record)


def parse_content(path: Path, made_by: str, parse: Callable[[], Result]) -> Result:
    """Call `parse`, which reads a file's content, and turn its errors into one that says that the file is damaged.

    Raises:
        InputError: `parse` raised a KeyError, TypeError or ValueError.
    """
    try:
        return parse()
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error!r}); make it anew: `dvc repro -f {made_by}`") from None
