"""Overrides of params.yaml on the command line, as `dvc exp run -S` takes them."""

import shutil
import tempfile
from pathlib import Path

from stages.common.artifacts import write_bytes
from stages.common.params import PARAMS_FILE

PREFIX = f"{PARAMS_FILE}:"


def override_params(overrides: list[str]) -> None:
    """Apply overrides to params.yaml as DVC does; comments are kept.

    Raises:
        ValueError: an override is not in Hydra's grammar, or names a key that there is not.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / PARAMS_FILE.name
        shutil.copyfile(PARAMS_FILE, copy)
        try:
            apply_overrides(copy, [override.removeprefix(PREFIX) for override in overrides])
        except DvcException as error:
            raise ValueError(
                f"overrides {overrides} do not fit {PARAMS_FILE}: {error.__cause__ or error}"
            ) from None
        write_bytes(PARAMS_FILE, copy.read_bytes())
