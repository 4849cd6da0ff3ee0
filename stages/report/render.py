"""Lay the report out as Markdown and as one HTML page that needs no other file."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from stages.common.artifacts import write_bytes
from stages.report.claims.all_claims import check_claims
from stages.report.figures.all_figures import Illustrations
from stages.report.figures.images import Illustration
from stages.report.figures.plot_style import colour_of
from stages.report.figures.sample_progression import list_steps
from stages.report.published import name_gan
from stages.report.results.read import Results
from stages.report.sections.ablation import AblationSection
from stages.report.sections.lipschitz import LipschitzSection, show_count, show_range
from stages.report.sections.protocol_text import explain_seeds, list_limits, list_orders, list_protocol
from stages.report.sections.provenance import digest_protocol, trace_sources
from stages.report.sections.score_tables import (
    SOURCES,
    build_cell_table,
    build_table1,
    build_trial_table,
    show_epoch,
    show_interval,
    show_last,
    show_place,
    show_value,
)
from stages.report.statistics.pairs import compare_pairs
from stages.report.statistics.rank_correlation import show_p
from stages.report.statistics.scores import FID, INCEPTION_SCORE, METRICS

TEMPLATES = {"report.md": "report.md.jinja", "index.html": "index.html.jinja"}


def write_pages(
    results: Results,
    illustrations: Illustrations,
    lipschitz: LipschitzSection,
    ablation: AblationSection,
    folder: Path,
) -> None:
    """Write report.md and index.html."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content = gather_content(results, illustrations, lipschitz, ablation)
    for name, template in TEMPLATES.items():
        text = environment.get_template(template).render(
            **content, embed=lambda picture: _embed(folder, picture)
        )
        write_bytes(folder / name, text.encode())


def gather_content(
    results: Results, illustrations: Illustrations, lipschitz: LipschitzSection, ablation: AblationSection
) -> dict[str, Any]:
    """Gather all that the templates show."""
    return {
        "claims": [*check_claims(results), *lipschitz.claims],
        "lipschitz": lipschitz,
        "ablation": ablation,
        "title": results.title,
        "results": results,
        "metrics": METRICS,
        "inception_score": INCEPTION_SCORE,
        "fid": FID,
        "sources": list(SOURCES),
        "pictures": illustrations,
        **_gather_tables(results),
        **_gather_words(results),
        **_gather_functions(results),
    }


def _gather_tables(results: Results) -> dict[str, Any]:
    return {
        "table1": build_table1(results),
        "cells": build_cell_table(results),
        "trials": build_trial_table(results),
        "comparisons": [compare_pairs(results, metric) for metric in METRICS],
        "steps": list_steps(results),
        "provenance": trace_sources(results),
        "protocol_digest": digest_protocol(results.protocol),
    }


def _gather_words(results: Results) -> dict[str, Any]:
    return {
        "orders": list_orders(results),
        "protocol": list_protocol(results),
        "limits": list_limits(results),
        "seeds_explained": explain_seeds(results),
    }


def _gather_functions(results: Results) -> dict[str, Any]:
    return {
        "colour_of": lambda gan: colour_of(gan, results.grid.gans),
        "name_gan": name_gan,
        "show_value": show_value,
        "show_interval": show_interval,
        "show_place": show_place,
        "show_epoch": show_epoch,
        "show_range": show_range,
        "show_count": show_count,
        "show_last": show_last,
        "show_p": show_p,
    }


def _embed(folder: Path, picture: Illustration) -> str:
    """Return a picture as a data address."""
    content = base64.b64encode((folder / picture.file).read_bytes()).decode()
    return f"data:image/png;base64,{content}"
