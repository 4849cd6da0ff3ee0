"""Tell what came of the comparison: all results -> report/ (index.html, report.md, tables, figures)."""

from stages.common.artifacts import REPORT, write_bytes, write_json
from stages.common.cli import run_stage
from stages.report.claims.all_claims import check_claims
from stages.report.figures.all_figures import draw_illustrations
from stages.report.render import write_pages
from stages.report.results.read import read_results
from stages.report.sections.ablation import tell_ablation
from stages.report.sections.lipschitz import tell_lipschitz
from stages.report.sections.protocol_text import list_orders
from stages.report.sections.score_tables import (
    build_cell_table,
    build_table1,
    build_trial_table,
    lay_out,
    write_csv,
)
from stages.report.statistics.pairs import compare_pairs, tabulate_pairs
from stages.report.statistics.scores import METRICS


def main() -> None:
    """Write the tables, figures and pages, and print Table 1."""
    results = read_results()
    table1 = build_table1(results)
    tables = {
        "table1": table1,
        "cells": build_cell_table(results),
        "pairs": tabulate_pairs([compare_pairs(results, metric) for metric in METRICS]),
        "trials": build_trial_table(results),
    }
    for name, rows in tables.items():
        # A row that is cut out and pasted elsewhere takes along what its scores were made with.
        write_csv(REPORT / f"{name}.csv", [row | results.protocol for row in rows])
    ablation = tell_ablation(results)
    lipschitz = tell_lipschitz(results.grid, REPORT)
    record = {
        "protocol": results.protocol,
        **tables,
        "orders": list_orders(results),
        "claims": [
            claim._asdict() | {"verdict": claim.verdict}
            for claim in [*check_claims(results), *lipschitz.claims]
        ],
        "lipschitz": lipschitz.answers,
        "ablation": [row._asdict() for row in ablation.rows],
    }
    write_json(REPORT / "results.json", record)
    text = lay_out(table1)
    write_bytes(REPORT / "table1.txt", text.encode())
    write_pages(results, draw_illustrations(results, REPORT), lipschitz, ablation, REPORT)
    print(f"\n{text}\nThe report: {REPORT / 'index.html'}", flush=True)


if __name__ == "__main__":
    run_stage(main)
