"""Tell what came of the comparison: all results -> report/ (index.html, report.md, tables, figures)."""

from stages.common.artifacts import REPORT, write_bytes, write_json
from stages.common.entry import run_stage
from stages.report.claims import check_claims
from stages.report.facts import list_orders
from stages.report.illustrations import draw_illustrations
from stages.report.inputs import read_results
from stages.report.lipschitz_section import tell_lipschitz
from stages.report.page import write_pages
from stages.report.table import build_leg_table, build_table1, lay_out, write_csv


def main() -> None:
    """Write the tables, figures and pages, and print Table 1."""
    results = read_results()
    table1, legs = build_table1(results), build_leg_table(results)
    # A row that is cut out and pasted elsewhere takes along what its scores were made with.
    write_csv(REPORT / "table1.csv", [row | results.protocol for row in table1])
    write_csv(REPORT / "legs.csv", [row | results.protocol for row in legs])
    lipschitz = tell_lipschitz(results.grid, REPORT)
    record = {
        "protocol": results.protocol,
        "table1": table1,
        "legs": legs,
        "orders": list_orders(results),
        "claims": [claim._asdict() for claim in check_claims(results)],
        "lipschitz": lipschitz.to_record(),
    }
    write_json(REPORT / "results.json", record)
    text = lay_out(table1)
    write_bytes(REPORT / "table1.txt", text.encode())
    write_pages(results, draw_illustrations(results, REPORT), lipschitz, REPORT)
    print(f"\n{text}\nThe report: {REPORT / 'index.html'}", flush=True)


if __name__ == "__main__":
    run_stage(main)
