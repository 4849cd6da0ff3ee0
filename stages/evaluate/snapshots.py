"""Score a trial's snapshots one by one."""

from typing import Any

import numpy as np

from stages.common.artifacts import SAMPLES, Trial, read_images
from stages.common.errors import InputError
from stages.scores.distinct_images import count_distinct
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import extract_statistics
from stages.scores.further_moments import Labels
from stages.scores.scorer import Scorer


def score_snapshots(
    trial: Trial, manifest: dict[str, Any], extractor: Extractor, scorer: Scorer, image_shape: list[int]
) -> list[dict[str, Any]]:
    """Score the samples of every snapshot.

    Args:
        trial: the trial.
        manifest: the manifest of the trial's samples.
        extractor: the network that computes features and logits.
        scorer: the scorer, which compares the samples with a reference made by the same extractor.
        image_shape: C, H, W of the reference's images.

    Returns:
        For each snapshot, its position in the training, its scores and its number of distinct images.

    Raises:
        InputError: sampled images are missing, their number differs from the manifest's, or their shape from that of
            the reference's images.
    """
    points = []
    for point in manifest["points"]:
        path = SAMPLES / trial.name / point["images"]
        images = read_images(path, made_by=f"sample@{trial.name}")
        expected = [manifest["sample_count"], *image_shape]
        if list(images.shape) != expected:
            raise InputError(
                f"{path} holds images {list(images.shape)}, expected {expected} as their manifest and the real images "
                f"say; make it anew: `dvc repro -f sample@{trial.name}`"
            )
        step = point["generator_step"]
        statistics = extract_statistics(
            images,
            extractor,
            scorer.params,
            f"{trial.name} at generator step {step}",
            labels=read_labels(manifest),
        )
        points.append(
            {
                **{key: point[key] for key in ("generator_step", "discriminator_steps", "epoch")},
                **scorer.score(statistics),
                "distinct_images": count_distinct(images),
            }
        )
    return points


def read_labels(manifest: dict[str, Any]) -> Labels | None:
    """Return the classes of a conditional GAN's images: image i is of class i modulo their number."""
    names = manifest.get("class_names")
    return None if names is None else Labels(np.arange(manifest["sample_count"]) % len(names), len(names))
