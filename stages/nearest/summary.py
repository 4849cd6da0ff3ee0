"""Compare the samples' distances to the training images with those of held-out real images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.nearest.spaces import Neighbours, Spaces

# A sample is suspicious if it is nearer to a training image than this quantile of the held-out images' distances.
SUSPICIOUS_QUANTILE = 0.01


def summarise_spaces(samples: Spaces, held_out: Spaces) -> dict[str, Any]:
    """Summarise samples in each space: the distances of samples and held-out images, and the suspicious share."""
    return {space: _summarise(found, held_out[space]) for space, found in samples.items()}


def _summarise(samples: Neighbours, held_out: Neighbours) -> dict[str, Any]:
    threshold = suspicion_threshold(held_out.distances)
    return {
        "median_distance": float(np.median(samples.distances)),
        "least_distance": float(samples.distances.min()),
        "held_out_median_distance": float(np.median(held_out.distances)),
        "held_out_low_distance": threshold,
        "suspicious_share": float((samples.distances < threshold).mean()),
    }


def suspicion_threshold(distances: NDArray[np.float64]) -> float:
    """Compute the quantile of the held-out images' distances below which a sample's distance is suspicious."""
    return float(np.quantile(distances, SUSPICIOUS_QUANTILE))
