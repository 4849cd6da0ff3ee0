"""Replace the traceback of a command whose Python lacks packages by one line that says what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ".venv"
OLDEST = (3, 11)
OURS = ("stages", "pipeline", "benchmarks", "tests")


def explain_missing_environment() -> None:
    """End a command of `python -m` with one line, instead of a traceback, if its Python is too old or lacks a package.

    A package calls this when it is imported. Nothing happens unless `python -m` imports the package.
    """
    if sys.argv[:1] != ["-m"]:
        return
    if sys.version_info < OLDEST:
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"error: {sys.executable} is Python {version}, and 3.11 is the oldest that will do; {find_cure()}"
        )
    sys.excepthook = _show_error


def find_cure() -> str:
    """Return the command that makes, enters or completes the project's environment, as a part of a sentence."""
    if Path(sys.prefix).resolve() == ROOT / FOLDER:
        return "`python -m pip install -c constraints.txt -r requirements.txt` completes the environment"
    enter = f"`source {FOLDER}/bin/activate` enters"
    is_made = (ROOT / FOLDER / "bin/activate").exists()
    return f"{enter} the environment" if is_made else f"`make setup` makes the environment, {enter} it"


def _show_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    name = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or name in ("", *OURS, *sys.stdlib_module_names):
        sys.__excepthook__(kind, error, trace)
        return
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = Path(trace.tb_frame.f_code.co_filename if trace is not None else "")
    importer = file.relative_to(ROOT) if ROOT in file.parents else file
    print(
        f"error: {sys.executable} has no package {name}, which {importer} imports; {find_cure()}",
        file=sys.stderr,
    )
