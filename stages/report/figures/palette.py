"""The colour and the marker of each GAN in all figures, and in MLflow's charts."""

from collections.abc import Sequence

# Okabe and Ito's colours, which can be distinguished with any common kind of colour vision.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7500", "#555555")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def choose_colour(gan: str, gans: Sequence[str]) -> str:
    """Return a GAN's colour, the same in all figures."""
    return COLOURS[gans.index(gan) % len(COLOURS)]


def choose_marker(gan: str, gans: Sequence[str]) -> str:
    """Return a GAN's marker, the same in all figures."""
    return MARKERS[gans.index(gan) % len(MARKERS)]
