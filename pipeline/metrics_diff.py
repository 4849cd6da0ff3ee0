"""Show how metrics changed since a revision, `dvc metrics diff`, but refuse scores whose protocols differ.

`python -m pipeline.metrics_diff main` or `make diff REV=main`. Plain `dvc metrics diff` shows the digest of the
protocol changing, and every field of it, but compares the numbers all the same.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from stages.common.artifacts import SCORES

PREFIX = "protocol."


def find_protocol_changes(difference: dict[str, dict[str, Any]]) -> list[str]:
    """Name the protocol's fields that differ, one line a metrics file.

    Args:
        difference: what `dvc metrics diff --json` prints: changes by file and metric. A file that is new, or gone, has
            no other score to compare with.
    """
    faults = []
    for file, changes in difference.items():
        changed = {
            key.removeprefix(PREFIX): (change.get("old"), change.get("new"))
            for key, change in changes.items()
            if key.startswith(PREFIX) and change.get("old") is not None and change.get("new") is not None
        }
        if file.startswith(str(SCORES)) and changed:
            fields = "; ".join(f"{name} was {old} and is {new}" for name, (old, new) in changed.items())
            faults.append(f"{file}: {fields}")
    return faults


def show_difference(revision: str) -> None:
    """Print `dvc metrics diff` of the workspace against a revision.

    Raises:
        ValueError: DVC cannot compare them, or a protocol differs.
    """
    faults = find_protocol_changes(json.loads(_call_dvc("--json", revision) or "{}"))
    if faults:
        raise ValueError(
            "these scores do not compare, since they were made with other protocols; score both alike:\n"
            + "\n".join(f"  - {fault}" for fault in faults)
        )
    print(_call_dvc(revision), end="")


def _call_dvc(*arguments: str) -> str:
    done = subprocess.run(["dvc", "metrics", "diff", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"`dvc metrics diff {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and show the difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "revision", nargs="?", default="HEAD", help="a Git revision, such as main; HEAD without it"
    )
    try:
        show_difference(parser.parse_args(arguments).revision)
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
