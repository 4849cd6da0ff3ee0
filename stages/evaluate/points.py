"""Score a trial's snapshots one by one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.artifacts import (
    REAL_SCORES,
    REFERENCE_MOMENTS,
    SAMPLES,
    Trial,
    read_images,
    read_json,
)
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import extract_statistics
from stages.scores.moments import read_moments
from stages.scores.real_features import REAL_FEATURES, read_features
from stages.scores.scorer import ReferenceStatistics, Scorer


def read_reference() -> ReferenceStatistics:
    """Read reference/.

    Raises:
        ValueError: a file is missing or damaged.
    """
    split = read_json(REAL_SCORES, made_by="reference")["real_split"]
    return ReferenceStatistics(split, read_moments(REFERENCE_MOMENTS), read_features(REAL_FEATURES))


def score_points(
    trial: Trial, manifest: dict[str, Any], extractor: Extractor, scorer: Scorer
) -> list[dict[str, Any]]:
    """Score the samples of every snapshot.

    Args:
        trial: the trial.
        manifest: of its samples.
        extractor: what to look with.
        scorer: the real images as the same extractor saw them, and how to score.

    Returns:
        For each snapshot its place in the training, its scores and its number of distinct images.

    Raises:
        ValueError: sampled images are missing, or are not as many as the manifest says.
    """
    points = []
    for point in manifest["points"]:
        path = SAMPLES / trial.name / point["images"]
        images = read_images(path, made_by=f"sample@{trial.name}")
        if len(images) != manifest["sample_count"]:
            raise ValueError(
                f"{path} holds {len(images)} images, expected {manifest['sample_count']}; "
                f"make it anew: `dvc repro -f sample@{trial.name}`"
            )
        step = point["generator_step"]
        statistics = extract_statistics(
            images, extractor, scorer.params, f"{trial.name} at generator step {step}"
        )
        points.append(
            {
                **{key: point[key] for key in ("generator_step", "discriminator_steps", "epoch")},
                **scorer.score(statistics),
                "distinct_images": count_distinct(images),
            }
        )
    return points


def count_distinct(images: NDArray[np.uint8]) -> int:
    """Count the images uint8 [N, C, H, W] that differ from each other in any pixel.

    The report scored fifty images, each 120 times, as 6000; this number would have told.
    """
    return len({image.tobytes() for image in images})
