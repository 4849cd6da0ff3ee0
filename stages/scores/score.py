"""Score a set of images: Inception Score, and the moments that FID compares."""

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.card import Card
from stages.scores.extractor import Extractor
from stages.scores.inception_score import InceptionScore, inception_score
from stages.scores.moments import Moments, MomentsGatherer
from stages.scores.params import ScoresParams

SECONDS_BETWEEN_LINES = 10.0


class Seen(NamedTuple):
    """What an extractor saw in a set of images, condensed."""

    inception_score: InceptionScore
    moments: Moments


def look_at(images: NDArray[np.uint8], extractor: Extractor, params: ScoresParams, title: str) -> Seen:
    """Score images.

    Args:
        images: uint8 [N, C, H, W]; may be mapped from a file, and is read part by part.
        extractor: what to look with.
        params: how to divide the images for the Inception Score.
        title: of the images, for the lines that tell how far it is.

    Raises:
        ValueError: there are too few images for the extractor's features or for the splits.
    """
    refuse_few_images(len(images), extractor.card.feature_dimension, title)
    gatherer = MomentsGatherer(extractor.card.feature_dimension)
    logits = []
    last_line = time.monotonic()
    for features, part in extractor.extract(images):
        gatherer.add(features)
        logits.append(part)
        if time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            print(f"{title}: {gatherer.count}/{len(images)} images seen", flush=True)
    score = inception_score(np.concatenate(logits), params.splits, params.shuffle_seed)
    return Seen(score, gatherer.finish())


def refuse_few_images(count: int, feature_dimension: int, title: str) -> None:
    """Refuse a number of images whose covariance cannot have full rank, so that FID would be off by a lot.

    Raises:
        ValueError: there are no more images than features.
    """
    if count <= feature_dimension:
        raise ValueError(
            f"{title}: {count} images, but FID needs more than the extractor's {feature_dimension} features; "
            "raise sample.sample_count or prepare's limits, or take an extractor with fewer features"
        )


def describe_protocol(card: Card, params: ScoresParams) -> dict[str, Any]:
    """Say what scores were made with; scores compare only under the same protocol."""
    return {
        "extractor": card.name,
        "weights_sha256": card.weights_sha256,
        "precision": card.precision,
        "feature_dimension": card.feature_dimension,
        "splits": params.splits,
        "shuffle_seed": params.shuffle_seed,
    }
