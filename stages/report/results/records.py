"""Read records that stages left, and name the stage to call again where one is damaged."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from stages.common.artifacts import read_json

Result = TypeVar("Result")


def read_record(path: Path, made_by: str, keys: Iterable[str]) -> dict[str, Any]:
    """Read a JSON record that must have `keys`.

    Raises:
        ValueError: it is missing, is not JSON, or lacks one of them.
    """
    record = read_json(path, made_by)
    missing = [key for key in keys if not isinstance(record, dict) or key not in record]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; make it anew: `dvc repro -f {made_by}`")
    return dict(record)


def take(path: Path, made_by: str, make: Callable[[], Result]) -> Result:
    """Make something of a file's content; an entry that is missing or of another type is the file's fault.

    Raises:
        ValueError: `make` failed for want of an entry or of its type.
    """
    try:
        return make()
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error!r}); make it anew: `dvc repro -f {made_by}`") from None
