"""Summarise all trials and entries for DVC's metrics and plots: results/ -> metrics/ and results/curves/."""

import shutil

from stages.common.artifacts import METRICS_FOLDER, SCORES, TRAINING, write_json
from stages.common.cli import run_command
from stages.common.errors import InputError
from stages.common.grid import Grid
from stages.summary.curves import write_loss_curves, write_score_curves
from stages.summary.entries import EntryRecord, read_entries, summarise_entry
from stages.summary.trials import TrialRecord, read_trial, summarise_trial


def main() -> None:
    """Read all trials before anything is written; trials without results are left out, as in the report."""
    trials = [record for trial in Grid.load().trials() if (record := read_trial(trial)) is not None]
    if not trials:
        raise InputError(
            f"{TRAINING} and {SCORES} hold no trial of those in params.yaml; `dvc repro` makes them"
        )
    entries = read_entries()
    write_metrics(trials, entries)
    write_score_curves(trials, entries)
    write_loss_curves(trials)


def write_metrics(trials: list[TrialRecord], entries: list[EntryRecord]) -> None:
    """Write a file of numbers for each trial and each file of an entry, and remove those no longer compared."""
    shutil.rmtree(METRICS_FOLDER, ignore_errors=True)
    for record in trials:
        write_json(METRICS_FOLDER / f"{record.trial.name}.json", summarise_trial(record))
    for entry in entries:
        write_json(METRICS_FOLDER / f"{entry.name}-{entry.seed}.json", summarise_entry(entry))


if __name__ == "__main__":
    run_command(main, __doc__)
