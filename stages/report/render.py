"""Write the report as one HTML page, as Markdown, as JSON, as CSV files and as a text table."""

import base64
import csv
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt

from stages.common.artifacts import atomic_path, write_bytes, write_json
from stages.report import formatting
from stages.report.model.pictures import Picture
from stages.report.model.report import Report, Row
from stages.report.statistics.budgets import name_budget
from stages.report.text_table import render_text_table

# A line break within a paragraph or a list item, with the indentation of the next line.
LINE_BREAK = re.compile(r"(?<!\n)\n(?!\n|- ) *")
# The functions that the templates call.
FORMATS = (
    formatting.capitalise,
    formatting.pluralise,
    formatting.format_percent,
    formatting.format_p_cell,
    formatting.format_value,
    formatting.format_interval,
    formatting.format_rank,
    formatting.format_probability,
    formatting.format_place,
    formatting.format_epoch,
    formatting.format_ratio,
    formatting.format_ratio_interval,
    formatting.format_range,
    formatting.format_count,
    formatting.format_steps,
    name_budget,
    formatting.format_agreement,
)


def write_report(report: Report, folder: Path) -> None:
    """Write results.json, a CSV file per table, table1.txt, report.md and index.html.

    Args:
        report: the report.
        folder: the folder of the files, which already holds the pictures that the page embeds.
    """
    write_json(folder / "results.json", asdict(report))
    for name, rows in list_tables(report).items():
        write_csv(folder / f"{name}.csv", rows)
    write_bytes(folder / "table1.txt", render_text_table(report).encode())
    for name, text in render_pages(report, folder).items():
        write_bytes(folder / name, text.encode())


def list_tables(report: Report) -> dict[str, list[Row]]:
    """List the rows of each CSV file; each row ends with its protocol, so that it can be copied elsewhere."""
    contrasts = [
        {"metric": found.metric, **asdict(row), "least_sign_p": found.least_sign_p}
        for found in report.contrasts
        for row in found.rows
    ]
    tables = {"table1": report.all_rows, "cells": report.cells, "contrasts": contrasts}
    tables |= {"budgets": report.budgets, "trials": report.trials}
    if report.entries.rows:
        tables |= {"entries": report.entries.seeds, "entry_contrasts": report.entries.contrasts}
    if report.extra_scores.rows:
        tables["extra_scores"] = report.extra_scores.rows
    return {name: [row | report.protocol for row in rows] for name, rows in tables.items()}


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, atomically; None becomes an empty field, and without rows the file is empty."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def render_pages(report: Report, folder: Path) -> dict[str, str]:
    """Render the HTML page and the Markdown, by file name.

    Args:
        report: the value.
        folder: the folder that holds the pictures.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {function.__name__: function for function in FORMATS}
    environment.globals["embed"] = lambda picture: _embed(folder, picture)
    environment.filters |= {"markdown": _render_markdown, "unwrap": _unwrap, "cell": _escape_cell}
    return {
        "index.html": _keep_percent_signs(environment.get_template("index.html.jinja").render(report=report)),
        "report.md": environment.get_template("report.md.jinja").render(report=report),
    }


def _keep_percent_signs(html: str) -> str:
    """Keep a number and its percent sign on one line."""
    return re.sub(r"(\d) %", r"\1&nbsp;%", html)


def _embed(folder: Path, picture: Picture) -> str:
    """Return a picture as a data URL."""
    content = base64.b64encode((folder / picture.file).read_bytes()).decode()
    return f"data:image/png;base64,{content}"


def _render_markdown(text: str) -> str:
    """Render Markdown as HTML, with typographic quotes; markup in the text itself is escaped."""
    parser = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable("smartquotes")
    html: str = parser.render(text)
    return html


def _escape_cell(text: str) -> str:
    """Escape the characters that Markdown would read as markup in the cell of a table."""
    return re.sub(r"([\\`*_{}\[\]<>#|&~])", r"\\\1", text)


def _unwrap(text: str) -> str:
    """Join the lines of each paragraph and list item."""
    return LINE_BREAK.sub(" ", text.strip())
