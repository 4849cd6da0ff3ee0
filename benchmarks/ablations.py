"""Run the preset `ablations` and variants of one option of SNGAN, and write a table with a row for each question.

    python -m benchmarks.ablations
    python -m benchmarks.ablations -S train.generator_steps=40    # a quick try: the change holds for every run

Every run is a run of the flow, which takes finished stages from DVC's cache: after an interruption, the same command
goes on where it was stopped. The page and MLflow show the preset's own grid, which runs last. At the end params.yaml
has its former content again.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.run_files import Run, average_last, compare_with, list_contrast_cells, read_runs
from pipeline.child_flow import exit_on_signals, run_flow
from pipeline.preset import switch_preset
from pipeline.workplace import require_root
from stages.common.artifacts import REPORT, write_bytes
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError
from stages.common.params import PARAMS_FILE
from stages.report.model.comparisons import Contrast
from stages.report.statistics.seed_scores import SeedScores

PRESET = "ablations"
FOLDER, TABLE = Path("ablations"), "table.md"
GRID = "grid"
# The variants train SNGAN alone, under setting C; the grid has one power iteration and K = 1.
OPTIONS: dict[str, dict[str, Any]] = {
    "power_iterations": {"iterations-5": 5, "iterations-20": 20},
    "lipschitz_constant": {"lipschitz-0.5": 0.5, "lipschitz-2": 2.0, "lipschitz-4": 4.0},
}


class Trained(NamedTuple):
    """The trials of one GAN under one setting of Adam in one run.

    Attributes:
        run: the name of the run that the trials belong to.
        gan: the name of the GAN.
        setting: the letter of the setting of Adam.
    """

    run: str
    gan: str
    setting: str


class Question(NamedTuple):
    """A question that one row of the table answers, by comparing two sets of trials.

    Attributes:
        text: the question in words.
        claim: the place of the claim that the row tests, such as the section of Feng et al.
        base: the trials whose scores are divided by the others'.
        other: the trials that `base` is compared with.
    """

    text: str
    claim: str
    base: Trained
    other: Trained


SNGAN, WGAN_GP = Trained(GRID, "sngan", "C"), Trained(GRID, "wgan_gp", "C")
QUESTIONS = (
    Question("normalised or not (vanilla GAN)", "section 4", SNGAN, Trained(GRID, "vanilla", "C")),
    Question("time scales 1:1 or 4:1 (T)", "section 3", SNGAN, Trained(GRID, "sngan", "T")),
    Question("1 or 5 discriminator steps (N)", "section 3", SNGAN, Trained(GRID, "sngan", "N")),
    Question("1 or 5 power iterations", "section 2", SNGAN, Trained("iterations-5", "sngan", "C")),
    Question("1 or 20 power iterations", "section 2", SNGAN, Trained("iterations-20", "sngan", "C")),
    Question("K of 1 or 0.5", "section 3", SNGAN, Trained("lipschitz-0.5", "sngan", "C")),
    Question("K of 1 or 2", "section 3", SNGAN, Trained("lipschitz-2", "sngan", "C")),
    Question("K of 1 or 4", "section 3", SNGAN, Trained("lipschitz-4", "sngan", "C")),
    Question("WGAN-GP: 1 or 5 critic steps (N)", "its paper", WGAN_GP, Trained(GRID, "wgan_gp", "N")),
)
HEADER = (
    "| | Claim | Score | First over second | p | Corrected p | Told | Would have been told |",
    "|---|---|---|---:|---:|---:|---|---:|",
)


def run_all(folder: Path, overrides: list[str]) -> dict[str, Run]:
    """Run the grid and every variant, one after the other, and keep their results in a folder.

    Args:
        folder: where the results are written, one file for each run.
        overrides: changes of params that hold for every run, in the form of the flow's option -S.

    Raises:
        InputError: a run failed, or params.yaml was edited by hand.
    """
    former = PARAMS_FILE.read_bytes()
    # Without `force` this refuses to replace a params.yaml that was edited by hand.
    switch_preset(PRESET)
    try:
        for name, own in list_overrides():
            print(f"ablations: {name}", flush=True)
            switch_preset(PRESET, force=True)
            code = run_flow([part for override in (*own, *overrides) for part in ("-S", override)])
            if code:
                raise InputError(f"the run {name} ended with {code}; the same command goes on from there")
            folder.mkdir(exist_ok=True)
            shutil.copyfile(REPORT / "results.json", folder / f"{name}.json")
    finally:
        write_bytes(PARAMS_FILE, former)
    runs = read_runs([folder / f"{name}.json" for name, _ in list_overrides()])
    return {Path(path).stem: run for path, run in runs.items()}


def list_overrides() -> Iterator[tuple[str, list[str]]]:
    """List the runs by name with the params that they change; the grid is the last."""
    for option, values in OPTIONS.items():
        for name, value in values.items():
            yield (
                name,
                [
                    f"gans=[{SNGAN.gan}]",
                    f"settings_used=[{SNGAN.setting}]",
                    f"options.sngan.{option}={value}",
                ],
            )
    yield GRID, []


def tabulate(runs: dict[str, Run]) -> list[str]:
    """Make a Markdown table: a row for each question and score, with Holm's correction over questions of one base."""
    lines = list(HEADER)
    for key, metric in runs[GRID]["metrics"].items():
        for base in dict.fromkeys(question.base for question in QUESTIONS):
            questions = [question for question in QUESTIONS if question.base == base]
            for question, row in zip(questions, compare(runs, questions, key), strict=True):
                lines.append(_describe(question, metric["short"], row))
    return lines


def compare(runs: dict[str, Run], questions: list[Question], metric: str) -> tuple[Contrast, ...]:
    """Compare the base, which all questions share, with the other trials of each question, paired by seed."""
    base = questions[0].base
    seeds = runs[GRID]["seeds"]
    scores: SeedScores = {
        text: [
            average_last(runs[trained.run], trained.gan, metric, seed, {trained.setting}) for seed in seeds
        ]
        for text, trained in {"": base, **{question.text: question.other for question in questions}}.items()
    }
    return compare_with("", scores)


def _describe(question: Question, score: str, row: Contrast) -> str:
    cells = [question.text, question.claim, score, *list_contrast_cells(row)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run everything, and write and print the table."""
    parser = CommandParser(__doc__)
    parser.add_argument(
        "-S", "--set", action="append", default=[], metavar="KEY=VALUE", help="a change for every run"
    )
    overrides = parser.parse_args().set
    require_root()
    exit_on_signals()
    lines = tabulate(run_all(FOLDER, overrides))
    write_bytes(FOLDER / TABLE, "\n".join([*lines, ""]).encode())
    print("\n".join(lines))
    print(f"\nThis table: {FOLDER / TABLE}; the page of the grid: {REPORT / 'index.html'}")


if __name__ == "__main__":
    run_command(main)
