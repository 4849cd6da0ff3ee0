"""Show how metrics changed since a revision, as `dvc metrics diff` does, but refuse scores of different protocols.

`python -m pipeline.metrics_diff main` or `make diff REV=main`. `dvc metrics diff` alone would subtract scores of
different protocols without a warning.
"""

import json
from pathlib import Path
from typing import Any

from pipeline.dvc.command import read_command
from pipeline.workplace import require_root
from stages.common.artifacts import METRICS, SCORES
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError
from stages.scores.protocol import ABSENT

PREFIX = "protocol."


def find_protocol_changes(difference: dict[str, dict[str, Any]]) -> list[str]:
    """Describe the fields of the protocol that changed, in one line for each metrics file.

    A file that was added or removed is skipped: it has no other score to compare with. A field that only one of the two
    protocols has is a change.

    Args:
        difference: the output of `dvc metrics diff --json` for the records of the stage evaluate: changes by file and
            metric.
    """
    changed_files = []
    for file, changes in difference.items():
        is_in_both = any(
            change.get("old") is not None and change.get("new") is not None for change in changes.values()
        )
        fields = "; ".join(
            f"{key.removeprefix(PREFIX)} was {_show(change.get('old'))} and is {_show(change.get('new'))}"
            for key, change in changes.items()
            if key.startswith(PREFIX)
        )
        if Path(file).name == METRICS and is_in_both and fields:
            changed_files.append(f"{file}: {fields}")
    return changed_files


def _show(value: object) -> object:
    return ABSENT if value is None else value


def show_difference(revision: str) -> None:
    """Print `dvc metrics diff` of the workspace against a revision.

    Raises:
        InputError: `dvc metrics diff` failed, or a protocol changed.
    """
    changed_files = find_protocol_changes(
        json.loads(read_command("metrics", "diff", "--json", revision, "--targets", str(SCORES)) or "{}")
    )
    if changed_files:
        raise InputError(
            "these scores do not compare, because they were computed under other protocols; score both alike:\n"
            + "\n".join(f"  - {line}" for line in changed_files)
        )
    print(read_command("metrics", "diff", revision), end="")


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and show the difference."""
    parser = CommandParser(__doc__)
    parser.add_argument(
        "revision", nargs="?", default="HEAD", help="a Git revision, such as main (default: HEAD)"
    )
    revision = parser.parse_args(arguments).revision
    require_root()
    show_difference(revision)


if __name__ == "__main__":
    run_command(main)
