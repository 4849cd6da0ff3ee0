"""Apply overrides to params.yaml in the form of `dvc exp run -S`."""

import shutil
import tempfile
from pathlib import Path

from stages.common.artifacts import write_bytes
from stages.common.errors import InputError
from stages.common.params import PARAMS_FILE
from stages.common.yaml_reader import shorten

PREFIX = f"{PARAMS_FILE}:"
# Hydra's parser takes half a minute for a list of 20,000 numbers.
LONGEST = 4096


def override_params(overrides: list[str]) -> None:
    """Apply overrides to params.yaml as DVC does; comments are kept.

    Raises:
        InputError: an override is not in Hydra's grammar, is too long, or names an unknown key.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides
    from omegaconf.errors import OmegaConfBaseException
    from ruamel.yaml.error import YAMLError

    for override in overrides:
        if len(override) > LONGEST:
            raise InputError(
                f"override {shorten(override)} has {len(override)} characters; allowed are {LONGEST}; write longer "
                f"values into {PARAMS_FILE}"
            )
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / PARAMS_FILE.name
        shutil.copyfile(PARAMS_FILE, copy)
        try:
            apply_overrides(copy, [override.removeprefix(PREFIX) for override in overrides])
        except (DvcException, OmegaConfBaseException, YAMLError, RecursionError) as error:
            reason = shorten(" ".join(str(error.__cause__ or error).split()), 200)
            raise InputError(
                f"overrides {shorten(str(overrides))} do not fit {PARAMS_FILE}: {reason}"
            ) from None
        write_bytes(PARAMS_FILE, copy.read_bytes())
