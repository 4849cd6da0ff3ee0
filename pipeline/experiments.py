"""Show DVC's experiments side by side: the params in which they differ, and FID and IS of each trial.

`make experiments` or `python -m pipeline.experiments`. `dvc exp show` has hundreds of columns, one for every param,
metric and dependency. Here each column is one experiment: the workspace, the last commit, and the experiments that were
started from that commit.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.dvc.command import read_command
from pipeline.workplace import require_root
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError

SCORES = {"FID": "fid", "IS": "is"}
ABSENT = "-"
HASH_CHARACTERS = 40
# Longer values, such as lists of GANs, are cut to this length.
MOST_CHARACTERS = 16


class Experiment(NamedTuple):
    """A column of the table.

    Attributes:
        name: the name that DVC shows: "workspace", a branch, an experiment, or the first digits of a commit's hash.
        state: queued, running or failed; None if the experiment succeeded, or was not run as a DVC experiment.
        params: the experiment's params by their dotted names.
        scores: the last scores of each trial, by the trial's name.
    """

    name: str
    state: str | None
    params: dict[str, object]
    scores: dict[str, dict[str, float]]


def read_experiments(shown: list[dict[str, Any]]) -> list[Experiment]:
    """Read what `dvc exp show --json` prints: the workspace and commits, each with the experiments started from it."""
    found = []
    for entry in shown:
        found.append(_read_experiment(entry, None))
        for group in entry["experiments"] or ():
            state = (group["executor"] or {}).get("state")
            found.append(_read_experiment(group["revs"][0], None if state == "success" else state))
    return found


def _read_experiment(revision: dict[str, Any], state: str | None) -> Experiment:
    data = revision["data"] or {}
    params = {
        name: value
        for file in (data.get("params") or {}).values()
        for name, value in _flatten(file.get("data") or {})
    }
    # Where the files are missing, DVC has an error in the place of data, and may name only their folder.
    scores = {
        Path(file).stem: found["data"]
        for file, found in (data.get("metrics") or {}).items()
        if found.get("data")
    }
    name = revision["name"] or revision["rev"]
    # An experiment without a name is identified by its commit's hash.
    return Experiment(name[:7] if len(name) == HASH_CHARACTERS else name, state, params, scores)


def _flatten(section: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def make_table(experiments: list[Experiment]) -> list[list[str]]:
    """Make the rows: names, states if any experiment has one, the params that differ, and each score of each trial."""
    rows = [["", *(experiment.name for experiment in experiments)]]
    if any(experiment.state for experiment in experiments):
        rows.append(["state", *(experiment.state or ABSENT for experiment in experiments)])
    for name in dict.fromkeys(name for experiment in experiments for name in experiment.params):
        values = [_show(experiment.params.get(name, ABSENT)) for experiment in experiments]
        if len(set(values)) > 1:
            rows.append([name, *values])
    trials = sorted({trial for experiment in experiments for trial in experiment.scores})
    for title, score in SCORES.items():
        # An extractor without classes gives no Inception Score.
        if any(score in experiment.scores.get(trial, ()) for experiment in experiments for trial in trials):
            rows.append([title, *("" for _ in experiments)])
            for trial in trials:
                values = [
                    _show(experiment.scores.get(trial, {}).get(score, ABSENT)) for experiment in experiments
                ]
                rows.append([f"  {trial}", *values])
    return rows


def _show(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_show, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def format_table(rows: list[list[str]]) -> str:
    """Align the first column to the left, the others to the right; a value that is too long is cut and gets "..."."""
    shown = [[row[0], *map(_cut, row[1:])] for row in rows]
    first, *widths = (max(map(len, column)) for column in zip(*shown, strict=True))
    lines = [
        f"{name:{first}}" + "".join(f"  {text:>{width}}" for text, width in zip(texts, widths, strict=True))
        for name, *texts in shown
    ]
    return "\n".join(line.rstrip() for line in lines)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    CommandParser(__doc__).parse_args(arguments)
    require_root()
    experiments = read_experiments(json.loads(read_command("exp", "show", "--json")))
    if not any(experiment.scores for experiment in experiments):
        raise InputError("no experiment has scores yet; `make reproduce` or `dvc exp run` makes them")
    print(format_table(make_table(experiments)))


if __name__ == "__main__":
    run_command(main)
