"""Lay the report out as Markdown and as one HTML page that needs no other file."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from stages.common.artifacts import write_bytes
from stages.report.canvas import colour_of
from stages.report.claims import check_claims
from stages.report.facts import explain_seeds, list_orders, list_protocol
from stages.report.illustrations import Illustration, Illustrations
from stages.report.inputs import Results
from stages.report.lipschitz_section import LipschitzSection, show_count, show_range
from stages.report.scores import FID, INCEPTION_SCORE, METRICS
from stages.report.table import (
    SOURCES,
    build_leg_table,
    build_table1,
    show_epoch,
    show_last,
    show_place,
    show_value,
)

TEMPLATES = {"report.md": "report.md.jinja", "index.html": "index.html.jinja"}


def write_pages(
    results: Results, illustrations: Illustrations, lipschitz: LipschitzSection, folder: Path
) -> None:
    """Write report.md and index.html."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content = gather_content(results, illustrations) | {"lipschitz": lipschitz}
    for name, template in TEMPLATES.items():
        text = environment.get_template(template).render(
            **content, embed=lambda picture: _embed(folder, picture)
        )
        write_bytes(folder / name, text.encode())


def gather_content(results: Results, illustrations: Illustrations) -> dict[str, Any]:
    """Gather all that the templates show."""
    return {
        "title": results.title,
        "results": results,
        "metrics": METRICS,
        "inception_score": INCEPTION_SCORE,
        "fid": FID,
        "sources": list(SOURCES),
        "table1": build_table1(results),
        "legs": build_leg_table(results),
        "orders": list_orders(results),
        "claims": check_claims(results),
        "protocol": list_protocol(results),
        "seeds_explained": explain_seeds(results),
        "pictures": illustrations,
        "colour_of": lambda gan: colour_of(gan, results.grid.gans),
        "show_value": show_value,
        "show_place": show_place,
        "show_epoch": show_epoch,
        "show_range": show_range,
        "show_count": show_count,
        "show_last": show_last,
    }


def _embed(folder: Path, picture: Illustration) -> str:
    """Return a picture as a data address."""
    content = base64.b64encode((folder / picture.file).read_bytes()).decode()
    return f"data:image/png;base64,{content}"
