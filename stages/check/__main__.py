"""Check the whole of params.yaml before anything runs: results/check/passed.txt.

The only package that imports others: their params models, and the model zoo for its options.
"""

from collections.abc import Mapping
from typing import Any

from stages.check.combinations import find_combination_faults
from stages.check.sections import (
    find_grid_faults,
    find_option_faults,
    find_section_faults,
    find_setting_faults,
    find_unknown_keys,
)
from stages.common.artifacts import CHECK_PASSED, write_bytes
from stages.common.cli import run_stage
from stages.common.params import ParamsError, read_params

FINDERS = (
    find_unknown_keys,
    find_grid_faults,
    find_setting_faults,
    find_option_faults,
    find_section_faults,
)


def find_all_faults(content: Mapping[str, Any]) -> list[str]:
    """List everything that is wrong with params.yaml; combinations only once the sections are in order."""
    faults = [fault for find in FINDERS for fault in find(content)]
    return faults or find_combination_faults(content)


def main() -> None:
    """Refuse a faulty params.yaml.

    What is written is the same for all that pass, so that a change of params re-runs this stage and then only
    what the change touches.

    Raises:
        ParamsError: with all faults at once.
    """
    faults = find_all_faults(read_params())
    if faults:
        raise ParamsError(faults)
    write_bytes(CHECK_PASSED, b"params.yaml is in order\n")


if __name__ == "__main__":
    run_stage(main)
