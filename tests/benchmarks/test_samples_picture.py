"""The README's picture: every strip begins with the first images of that GAN's grid, in their order."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.samples_picture import GAP, LABEL_WIDTH, STRIP_HEIGHT, cut_strip, draw_picture


@pytest.mark.parametrize(("columns", "side"), [(8, 28), (4, 8), (3, 32)])
def test_a_strip_shows_the_images_of_a_grid_row_by_row(columns: int, side: int) -> None:
    tones = np.arange(columns * columns, dtype=np.uint8).reshape(columns, columns) * 3
    grid = Image.fromarray(np.kron(tones, np.ones((side, side), np.uint8)))
    strip = np.asarray(cut_strip(grid, columns))[0, STRIP_HEIGHT // 2 :: STRIP_HEIGHT, 0]
    count = min(len(strip), columns * columns)
    assert strip[:count].tolist() == tones.ravel()[:count].tolist()


def test_each_row_of_the_table_is_a_strip_and_a_gan_that_failed_has_no_number(tmp_path: Path) -> None:
    rows = [{"gan": "real", "name": "Real data", "fid": "1.57"}, {"gan": "sngan", "name": "SNGAN", "fid": ""}]
    for tone, row in zip((50, 200), rows, strict=True):
        Image.new("L", (32, 32), tone).save(tmp_path / f"samples_{row['gan']}.png")
    pixels = np.asarray(draw_picture(rows, tmp_path, columns=4))
    assert pixels.shape[0] == 2 * STRIP_HEIGHT + GAP
    assert pixels[STRIP_HEIGHT // 2, LABEL_WIDTH + 1].tolist() == [50] * 3
    assert pixels[STRIP_HEIGHT + GAP + 1, LABEL_WIDTH + 1].tolist() == [200] * 3
