"""Hold samples' distances to the training images against those of real images that nobody trained on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.neighbours.search import Found, Spaces

# A sample nearer to a training image than this share of held-out images comes is suspicious.
SUSPICIOUS_SHARE = 0.01


def summarise_spaces(samples: Spaces, held_out: Spaces) -> dict[str, Any]:
    """Summarise a trial by space: its distances' median, the held-out images', and how many samples are suspicious."""
    return {space: _summarise(found, held_out[space]) for space, found in samples.items()}


def _summarise(samples: Found, held_out: Found) -> dict[str, Any]:
    bound = find_bound(held_out.distances)
    return {
        "median_distance": float(np.median(samples.distances)),
        "least_distance": float(samples.distances.min()),
        "held_out_median_distance": float(np.median(held_out.distances)),
        "held_out_low_distance": bound,
        "suspicious_share": float((samples.distances < bound).mean()),
    }


def find_bound(distances: NDArray[np.float64]) -> float:
    """Find the distance that only one in a hundred held-out images comes nearer than."""
    return float(np.quantile(distances, SUSPICIOUS_SHARE))
