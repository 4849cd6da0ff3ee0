"""Write scores as Markdown, and as one HTML page that holds grids of the images."""

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from stages.common.image_grid import make_grid
from stages.evaluate.result import ScoreResult
from stages.evaluate.score_table import LEGEND, list_notes, make_rows
from stages.images.image_sets import ImageSet

# The number of rows and of columns of a grid of images.
GRID_SIDE = 8
# The characters that Markdown, or HTML within it, would read as markup.
MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|&~])")


class Picture(NamedTuple):
    """A grid of images as a data URL, with the name of the set of images."""

    name: str
    address: str


def draw_grid(images: ImageSet) -> Picture:
    """Draw a grid of the first images of a set; a small set fills fewer rows and columns."""
    side = max(1, min(GRID_SIDE, int(len(images) ** 0.5)))
    grid = make_grid(images[: side * side], side, side)
    file = io.BytesIO()
    Image.fromarray(grid.squeeze(2) if grid.shape[2] == 1 else grid).save(file, format="PNG")
    return Picture(images.name, f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}")


def render_markdown(results: Sequence[ScoreResult]) -> str:
    """Render the table, notes and the protocol as Markdown; names of files are escaped."""
    header, rows = make_rows(results)
    protocol = results[0].protocol
    lines = [f"# Scores against {escape_markdown(results[0].real)}", "", _render_row(header)]
    lines.append("|---|" + "---:|" * (len(header) - 1))
    lines += [_render_row([escape_markdown(cell) for cell in row]) for row in rows]
    lines += ["", LEGEND, *(f"\n{escape_markdown(note)}" for note in _list_all_notes(results))]
    lines += ["", f"## Protocol {protocol.digest}", "", "| Field | Value |", "|---|---|"]
    lines += [
        _render_row([escape_markdown(name), escape_markdown(str(value))])
        for name, value in protocol.model_dump().items()
    ]
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """Escape the characters that Markdown would read as markup."""
    return MARKUP.sub(r"\\\1", text)


def _render_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def render_html(results: Sequence[ScoreResult], pictures: Sequence[Picture]) -> str:
    """Render the HTML page, which is self-contained and has no scripts; all names are escaped.

    Args:
        results: one or more results, in the order of the rows.
        pictures: grids of the real images and of the scored images.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    header, rows = make_rows(results)
    return environment.get_template("scores.html.jinja").render(
        real=results[0].real,
        header=header,
        rows=rows,
        legend=LEGEND,
        notes=_list_all_notes(results),
        pictures=pictures,
        digest=results[0].protocol.digest,
        protocol=results[0].protocol.model_dump(),
    )


def _list_all_notes(results: Sequence[ScoreResult]) -> list[str]:
    return [f"{result.fake}: {note}" for result in results for note in list_notes(result)]
