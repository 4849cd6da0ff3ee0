"""The published numbers beside which the report's own are shown, and the names that they go by."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

REAL = "real"
# The GAN that the report is about.
SNGAN = "sngan"
_PUBLISHED: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("published.yaml").read_text(encoding="utf-8")
)


def name_gan(gan: str) -> str:
    """Return a GAN's name for people; a GAN of the user's own keeps that of its file."""
    return str(_PUBLISHED["titles"].get(gan, gan))


def name_data_set(dataset: str) -> str:
    """Return a data set's name for people."""
    return str(_PUBLISHED["data_sets"][dataset])


def published_score(source: str, row: str, metric: str) -> float | None:
    """Look up one number of a published table.

    Args:
        source: `report_table1` or `miyato2018_table2`.
        row: a GAN, or REAL.
        metric: `inception_score` or `fid`.

    Returns:
        The number, or None where the source has none.
    """
    value = _PUBLISHED[source].get(row, {}).get(metric)
    return None if value is None else float(value)


def published_bars(metric: str) -> tuple[list[str], dict[str, list[float]]]:
    """Return the settings and, by GAN, the bars of the report's Figure 2."""
    figure = _PUBLISHED["report_figure2"]
    return figure["settings"], figure[metric]


def published_curves(metric: str) -> tuple[str, list[int], dict[str, list[float | None]]]:
    """Return the setting, the epochs and, by GAN, the curves of the report's Figure 3."""
    figure = _PUBLISHED["report_figure3"]
    return figure["setting"], figure["epochs"], figure[metric]


class Length(NamedTuple):
    """How long the report trained, and the original."""

    epochs: int
    train_images: int
    batch_size: int
    original_generator_steps: int


def published_length() -> Length:
    """Return the numbers that tell how long the report trained."""
    return Length(**_PUBLISHED["report_length"])
