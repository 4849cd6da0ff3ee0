"""Compare GANs after equal computing time, outside the report, because times differ from run to run."""

from pathlib import Path

from stages.common.artifacts import write_bytes
from stages.report.figures.plot_style import write_figure
from stages.report.figures.score_curves import describe_curves, plot_curves
from stages.report.formatting import NONE, capitalise, format_interval, format_steps
from stages.report.model.pictures import Picture
from stages.report.results.all_results import Results
from stages.report.sections.budget_table import build_budget_table
from stages.report.statistics.budgets import PROCESSOR_SECONDS

TABLE = "equal_time.md"
TEXT = """# At equal computing time

Each GAN after as many seconds of a processor as every GAN took in all under the same setting: of each training the last
evaluation point within that time. Means are geometric, over settings and seeds. Times are those of the machine that the
trainings ran on, with whatever else ran there; the report has none of them, so that it is the same in every run. Which
machines those were is in `hardware.md`, after a flow: GANs that ran on different ones are not compared fairly here.

{table}
![{picture.description}]({picture.file})

{picture.caption}
"""


def write_equal_time(results: Results, folder: Path) -> Path | None:
    """Write a table and a figure of the scores after equal computing time.

    Args:
        results: the results of all stages.
        folder: the folder of both files, which is not tracked.

    Returns:
        The path of the table; None if the times of any training are not known here.
    """
    points = [point for trial in results.trials for point in trial.points]
    if not points or any(point.processor_seconds is None for point in points):
        return None
    picture: Picture = describe_curves(results, PROCESSOR_SECONDS)
    write_figure(folder / picture.file, plot_curves(results, PROCESSOR_SECONDS))
    write_bytes(folder / TABLE, TEXT.format(table=_render_table(results), picture=picture).encode())
    return folder / TABLE


def _render_table(results: Results) -> str:
    header = ["GAN", "Seconds", "Generator steps", "Discriminator steps"]
    header += [title for metric in results.metrics for title in (capitalise(metric.title), "Rank")]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for row in build_budget_table(results, (PROCESSOR_SECONDS,)):
        spent = ("processor_seconds", "generator_step", "discriminator_steps")
        cells = [str(row["name"]), *(format_steps(row, key) for key in spent)]
        for metric in results.metrics:
            value = " ".join(filter(None, (metric.format(row[metric.key]), format_interval(row, metric))))
            cells += [value, str(row[f"{metric.key}_rank"] or NONE)]
        lines.append(cells)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
