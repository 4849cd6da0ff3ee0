"""Draw the README's picture: a strip of samples of every GAN, with its name and its FID.

    python -m benchmarks.samples_picture report docs/samples.png

The folder of a report holds a grid of samples of every GAN and the table of their scores.
"""

import csv
from pathlib import Path

from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from stages.common.artifacts import atomic_path
from stages.common.cli import run_command
from stages.common.command_line import CommandParser

# All sizes are in pixels. The width is twice that of GitHub's column of text, for screens of high resolution.
WIDTH, LABEL_WIDTH, STRIP_HEIGHT, GAP, TEXT_SIZE = 1680, 420, 84, 12, 40
INK, MUTED = "#1a1a1a", "#666666"


def main() -> None:
    """Draw the picture of a report: a strip of samples of every GAN."""
    parser = CommandParser(__doc__)
    parser.add_argument("report", type=Path, help="the folder of a report: samples_*.png and table1.csv")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("--columns", type=int, default=8, help="sample.grid_columns of the run (8)")
    arguments = parser.parse_args()
    with (arguments.report / "table1.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    picture = draw_picture(rows, arguments.report, arguments.columns)
    with atomic_path(arguments.picture) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def draw_picture(rows: list[dict[str, str]], folder: Path, columns: int) -> Image.Image:
    """Draw a strip for each row of Table 1, whose columns `gan`, `name` and `fid` are used."""
    picture = Image.new("RGB", (WIDTH, len(rows) * (STRIP_HEIGHT + GAP) - GAP), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", TEXT_SIZE)
    for index, row in enumerate(rows):
        top = index * (STRIP_HEIGHT + GAP)
        middle = top + STRIP_HEIGHT // 2
        draw.text((0, middle), row["name"], INK, font, anchor="lm")
        score = f"{float(row['fid']):.3g}" if row["fid"] else "failed"
        draw.text((LABEL_WIDTH - 2 * GAP, middle), score, MUTED, font, anchor="rm")
        with Image.open(folder / f"samples_{row['gan']}.png") as grid:
            picture.paste(cut_strip(grid, columns), (LABEL_WIDTH, top))
    return picture


def cut_strip(grid: Image.Image, columns: int) -> Image.Image:
    """Put the first images of a grid of square images side by side, as many as fit into a strip."""
    side = grid.width // columns
    strip = Image.new("RGB", (WIDTH - LABEL_WIDTH, STRIP_HEIGHT))
    count = min(strip.width // STRIP_HEIGHT, grid.height // side * columns)
    for index in range(count):
        left, top = index % columns * side, index // columns * side
        tile = grid.crop((left, top, left + side, top + side))
        scaled = tile.resize((STRIP_HEIGHT, STRIP_HEIGHT), Image.Resampling.NEAREST)
        strip.paste(scaled, (index * STRIP_HEIGHT, 0))
    return strip


if __name__ == "__main__":
    run_command(main)
