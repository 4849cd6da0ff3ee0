"""Compare two GANs on a folder of one's own images, in minutes.

`python -m pipeline.own FOLDER` reads a folder, or zip, of class folders. If images cannot be used, it names all faults
at once. Otherwise it chooses params that fit the images, trains, and opens the report.
"""

import argparse
import os
import shutil
import subprocess
import sys
import textwrap
import webbrowser
from pathlib import Path

from pipeline.own.plan import Note, make_plan
from pipeline.own.preset_file import write_own_preset
from pipeline.own.survey import describe, survey_folder
from pipeline.workplace import require_root
from stages.common.artifacts import REPORT
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError
from stages.common.file_tree import expand_user, show_path
from stages.common.params import suggest_name

GANS = ("batch_norm", "sngan")
GENERATOR_STEPS = 1000
GANS_FOLDER = Path("stages/gans")
# Text is wrapped at this width at least; a narrower terminal wraps it again.
LEAST_COLUMNS = 80


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, survey the images, choose params, run the flow, and open the report.

    Raises:
        InputError: the images cannot be used; the message names all reasons.
        SystemExit: the flow failed; the exit status is that of the flow.
    """
    require_root()
    options = _parse(arguments)
    path = expand_user(options.folder).resolve()
    print(f"Looking at every image in {show_path(path)}", flush=True)
    survey = survey_folder(path)
    plan = make_plan(survey, _to_text(path), options.gans, options.steps, options.size)
    if survey.sizes:
        print("\n".join([describe(survey, path), *survey.notes]), flush=True)
    if plan.faults:
        raise InputError(_join_faults(plan.faults))
    print(_format_notes(plan.notes), flush=True)
    if options.look:
        return
    kept = write_own_preset(plan.params)
    if kept is not None:
        print(f"params.yaml had been edited by hand; it is kept as {kept}", flush=True)
    print("params.yaml is now the preset `own`; `make preset NAME=default` goes back", flush=True)
    run = subprocess.run([sys.executable, "-m", "pipeline.flow", "run"])
    if run.returncode:
        raise SystemExit(run.returncode)
    _show(REPORT / "index.html")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = CommandParser(__doc__)
    parser.add_argument(
        "folder", type=Path, help="a folder or zip of class folders, such as rose/1.jpg, tulip/2.png"
    )
    parser.add_argument(
        "--gans", type=_read_gans, default=list(GANS), help=f"GANs, by default {','.join(GANS)}"
    )
    parser.add_argument(
        "--steps",
        type=_read_steps,
        default=GENERATOR_STEPS,
        help=f"generator steps, by default {GENERATOR_STEPS}",
    )
    parser.add_argument(
        "--size", type=int, help="side of the images in pixels, by default chosen by the images"
    )
    parser.add_argument("--look", action="store_true", help="only look at the images and say what they allow")
    return parser.parse_args(arguments)


def _read_gans(text: str) -> list[str]:
    known = sorted(path.stem for path in GANS_FOLDER.glob("*.py") if path.stem != "__init__")
    gans = list(dict.fromkeys(gan.strip() for gan in text.split(",") if gan.strip()))
    unknown = [gan for gan in gans if gan not in known]
    if unknown or not gans:
        hint = suggest_name(unknown[0], known) if unknown else ""
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'nothing'} is unknown{hint}; there is {', '.join(known)}"
        )
    return gans


def _read_steps(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of generator steps, expected 1 or more")
    return int(text)


def _to_text(path: Path) -> str:
    """Return the path as text, after checking that params.yaml can hold it.

    Raises:
        InputError: the path is not UTF-8, or has characters that are not printable.
    """
    text = str(path)
    if show_path(text) != text:
        raise InputError(
            f"{show_path(text)}: its name is not UTF-8 or not printable, as params.yaml needs; rename it"
        )
    return text


def _join_faults(faults: list[str]) -> str:
    if len(faults) == 1:
        return faults[0]
    return "\n".join(
        [f"{len(faults)} things keep these images from being compared:", *(f"- {fault}" for fault in faults)]
    )


def _format_notes(notes: list[Note]) -> str:
    widths = [max(len(note[column]) for note in notes) for column in range(2)]
    room = max(shutil.get_terminal_size().columns, LEAST_COLUMNS)
    lines = [
        textwrap.fill(
            note.reason,
            room,
            initial_indent=f"  {note.name:<{widths[0]}}  {note.value:<{widths[1]}}  ",
            subsequent_indent=" " * (sum(widths) + 6),
        )
        for note in notes
    ]
    return "\n".join(["What they allow, and what is chosen for them:", *lines])


def _show(page: Path) -> None:
    """Print the path of the page, and open it in a browser if there is a display."""
    print(f"The page: {page.resolve()}", flush=True)
    has_display = sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_display:
        webbrowser.open(page.resolve().as_uri())


if __name__ == "__main__":
    run_command(main)
