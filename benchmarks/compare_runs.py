"""Compare runs that differ in one parameter, GAN by GAN: the scores at the last evaluation point, paired by seed.

    python -m benchmarks.compare_runs iterations-1/results.json iterations-5/results.json iterations-20/results.json

Each file is the report/results.json of a run. A seed's score is its mean over the settings that all runs have, as in
the report. The first run is compared with every other run by Student's paired test, with Holm's correction for the
number of comparisons.
"""

from benchmarks.run_files import Run, average_last, compare_with, list_contrast_cells, read_named_runs
from stages.common.cli import run_command
from stages.common.errors import InputError
from stages.report.model.comparisons import Contrast
from stages.report.statistics.seed_scores import SeedScores

HEADER = (
    "| GAN | Score | The first run's over that of | Ratio | p | Corrected p | Told | Would have been told |"
)


def require_same_protocol(runs: dict[str, Run]) -> None:
    """Refuse runs whose scores are different quantities.

    Raises:
        InputError: two runs were scored under different protocols.
    """
    first, *others = runs
    for other in others:
        if runs[first]["protocol"] != runs[other]["protocol"]:
            raise InputError(
                f"{first} and {other} were scored under different protocols, so their scores are different quantities; "
                "score both alike"
            )


def compare_runs(runs: dict[str, Run], gan: str, metric: str) -> tuple[Contrast, ...]:
    """Compare the first run with every other run by one GAN's score at the last evaluation point.

    Raises:
        InputError: the runs have no seed or no setting in common.
    """
    settings, seeds = (
        set.intersection(*(set(run[key]) for run in runs.values())) for key in ("settings", "seeds")
    )
    if not settings or not seeds:
        raise InputError("the runs have no setting or no seed in common, so there is nothing to pair")
    scores: SeedScores = {
        name: [average_last(run, gan, metric, seed, settings) for seed in sorted(seeds)]
        for name, run in runs.items()
    }
    return compare_with(next(iter(runs)), scores)


def tabulate(runs: dict[str, Run]) -> list[str]:
    """Make a Markdown table with one row for each GAN that all runs have, each score, and each run after the first."""
    first = next(iter(runs.values()))
    gans = [
        gan
        for gan in dict.fromkeys(trial["gan"] for trial in first["trials"])
        if all(gan in {trial["gan"] for trial in run["trials"]} for run in runs.values())
    ]
    rows = [
        f"| {' | '.join([gan, values['short'], row.rival, *list_contrast_cells(row)])} |"
        for gan in gans
        for key, values in first["metrics"].items()
        for row in compare_runs(runs, gan, key)
    ]
    return [HEADER, "|---|---|---|---:|---:|---:|---|---:|", *rows]


def main() -> None:
    """Print the comparison of the runs named on the command line."""
    runs = read_named_runs(__doc__)
    require_same_protocol(runs)
    print("\n".join(tabulate(runs)))


if __name__ == "__main__":
    run_command(main)
