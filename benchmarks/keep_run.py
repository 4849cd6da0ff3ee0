"""Copy a run into docs/results: its page, tables, figures and params, without links that work only on this machine.

    python -m benchmarks.keep_run report docs/results/fashion-mnist

The page of a run links to MLflow's runs in `tracking/`, which lies beside `report/` and is not committed.
"""

import re
import shutil
from pathlib import Path

from stages.common.artifacts import write_bytes
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError
from stages.common.params import PARAMS_FILE

PAGE = "index.html"
FILES = ("trials.csv", "cells.csv", "contrasts.csv", "figure2.png", "figure3.png")
TRACKING_LINK = re.compile(r'<a\s[^>]*href="\.\./tracking/[^>]*>.*?</a>', re.DOTALL)


def main() -> None:
    """Copy the report that the command line names."""
    parser = CommandParser(__doc__)
    parser.add_argument("report", type=Path, help="the folder of a report; params.yaml lies beside it")
    parser.add_argument("folder", type=Path, help="where it is kept; files there are replaced")
    options = parser.parse_args()
    keep_run(options.report, options.folder)


def keep_run(report: Path, folder: Path) -> None:
    """Copy the page of a report without its links to MLflow, and copy the tables and figures that exist.

    Raises:
        InputError: the folder of the report holds no page, or there is no params.yaml beside it.
    """
    page, params = report / PAGE, report.absolute().parent / PARAMS_FILE
    for path in (page, params):
        if not path.is_file():
            raise InputError(f"{path} does not exist; give the folder of a run's report, such as `report`")
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / PAGE, remove_tracking_links(page.read_text(encoding="utf-8")).encode())
    for path in (params, *(report / name for name in FILES)):
        if path.is_file():
            shutil.copyfile(path, folder / path.name)


def remove_tracking_links(page: str) -> str:
    """Remove the links to MLflow's runs, including their text."""
    return TRACKING_LINK.sub("", page)


if __name__ == "__main__":
    run_command(main)
