"""Score a leg's snapshots one by one."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.artifacts import (
    REAL_SCORES,
    REFERENCE_MOMENTS,
    SAMPLES,
    Leg,
    read_images,
    read_json,
)
from stages.scores.extractor import Extractor
from stages.scores.frechet import frechet_distance
from stages.scores.moments import Moments, read_moments
from stages.scores.params import ScoresParams
from stages.scores.score import look_at


class Reference(NamedTuple):
    """The real images that FID compares with.

    Attributes:
        split: which split they are.
        moments: of their features.
    """

    split: str
    moments: Moments


def read_reference() -> Reference:
    """Read reference/.

    Raises:
        ValueError: a file is missing or damaged.
    """
    split = read_json(REAL_SCORES, made_by="reference")["real_split"]
    return Reference(split, read_moments(REFERENCE_MOMENTS))


def score_points(
    leg: Leg, manifest: dict[str, Any], extractor: Extractor, reference: Moments, params: ScoresParams
) -> list[dict[str, Any]]:
    """Score the samples of every snapshot.

    Args:
        leg: the leg.
        manifest: of its samples.
        extractor: what to look with.
        reference: moments of the real images, from the same extractor.
        params: how to score.

    Returns:
        For each snapshot its place in the training, Inception Score, FID and number of distinct images.

    Raises:
        ValueError: sampled images are missing, or are not as many as the manifest says.
    """
    points = []
    for point in manifest["points"]:
        path = SAMPLES / leg.name / point["images"]
        images = read_images(path, made_by=f"sample@{leg.name}")
        if len(images) != manifest["sample_count"]:
            raise ValueError(
                f"{path} holds {len(images)} images, expected {manifest['sample_count']}; "
                f"make it anew: `dvc repro -f sample@{leg.name}`"
            )
        step = point["generator_step"]
        seen = look_at(images, extractor, params, f"{leg.name} at generator step {step}")
        points.append(
            {
                **{key: point[key] for key in ("generator_step", "discriminator_steps", "epoch")},
                "inception_score": seen.inception_score.mean,
                "inception_score_deviation": seen.inception_score.deviation,
                "fid": frechet_distance(reference, seen.moments),
                "distinct_images": count_distinct(images),
            }
        )
    return points


def count_distinct(images: NDArray[np.uint8]) -> int:
    """Count the images uint8 [N, C, H, W] that differ from each other in any pixel.

    The report scored fifty images, each 120 times, as 6000; this number would have told.
    """
    return len({image.tobytes() for image in images})
