"""Check all of params.yaml before any other stage runs: params.yaml -> results/check/passed.txt.

This is the only package that imports others: their params models, and the model zoo for its options.
"""

from collections.abc import Mapping
from typing import Any

from stages.check.combinations import find_combination_faults
from stages.check.sections import (
    find_entry_faults,
    find_grid_faults,
    find_option_faults,
    find_section_faults,
    find_setting_faults,
    find_unknown_keys,
)
from stages.common.artifacts import CHECK_PASSED, write_bytes
from stages.common.cli import run_command
from stages.common.params import ParamsError, read_params

FINDERS = (
    find_unknown_keys,
    find_grid_faults,
    find_setting_faults,
    find_option_faults,
    find_entry_faults,
    find_section_faults,
)


def find_all_faults(content: Mapping[str, Any]) -> list[str]:
    """List all faults of params.yaml; combinations of sections are checked only if each section is valid."""
    faults = [fault for find in FINDERS for fault in find(content)]
    return faults or find_combination_faults(content)


def main() -> None:
    """Refuse a params.yaml with faults.

    The file that is written never changes, so that a change of params re-runs this stage and then only the stages
    that depend on the changed params.

    Raises:
        ParamsError: params.yaml has faults; the error names all of them.
    """
    faults = find_all_faults(read_params())
    if faults:
        raise ParamsError(faults)
    write_bytes(CHECK_PASSED, b"params.yaml is in order\n")


if __name__ == "__main__":
    run_command(main, __doc__)
