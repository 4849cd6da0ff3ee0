"""Write the report of the comparison: results/ -> report/ (index.html, report.md, results.json, tables, figures)."""

from stages.common.artifacts import REPORT, TIMINGS
from stages.common.cli import run_command
from stages.report.build import build_report
from stages.report.equal_time import write_equal_time
from stages.report.figures.all_figures import write_figures
from stages.report.render import write_report
from stages.report.results.all_results import read_results
from stages.report.text_table import render_text_table


def main() -> None:
    """Read the results, compute the report once, write it in all formats, and print Table 1."""
    results = read_results()
    report = build_report(results, write_figures(results, REPORT))
    write_report(report, REPORT)
    equal_time = write_equal_time(results, TIMINGS / "report")
    print(f"\n{render_text_table(report)}\nThe page: {REPORT / 'index.html'}", flush=True)
    if equal_time is not None:
        print(f"GANs at equal computing time: {equal_time}", flush=True)


if __name__ == "__main__":
    run_command(main, __doc__)
