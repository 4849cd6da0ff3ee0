"""Score the real images: data/prepared -> reference/ (what generated ones meet; the row `Real data`)."""

import numpy as np
from numpy.typing import NDArray

from stages.common.artifacts import REAL_SCORES, REFERENCE_MOMENTS, images_file, read_images, write_json
from stages.common.cli import run_stage
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.reference.params import ReferenceParams, SampledParams
from stages.scores.extractor import load_extractor
from stages.scores.feature_statistics import FeatureRequest, extract_statistics, sample_indices
from stages.scores.moments import write_moments
from stages.scores.params import ScoresParams
from stages.scores.protocol import ReferenceSet, describe_protocol
from stages.scores.real_features import REAL_FEATURES, write_features
from stages.scores.scorer import ReferenceStatistics, Scorer


def main() -> None:
    """Look at the reference, and at images of the other split as if they were generated.

    Those are as many as a snapshot has, or all there are: the best that a perfect generator could get.
    """
    params = load_section(ReferenceParams, "reference")
    scores = load_section(ScoresParams, "scores")
    sampled = load_section(SampledParams, "sample").sample_count
    extractor = load_extractor(configure_compute())
    images = _read_some(params.split, params.count, scores)
    title = f"real {params.split} split"
    statistics = extract_statistics(
        images, extractor, scores, title, FeatureRequest.for_reference(len(images), scores)
    )
    real = ReferenceStatistics(params.split, statistics.moments, statistics.features)
    others = _read_some(params.other_split(), sampled, scores)
    other = extract_statistics(others, extractor, scores, f"real {params.other_split()} split")

    write_moments(REFERENCE_MOMENTS, real.moments)
    write_features(REAL_FEATURES, real.features)
    reference = ReferenceSet(split=params.split, count=len(images))
    record = {
        "real_split": params.split,
        "real_count": len(images),
        "other_split": params.other_split(),
        "other_count": len(others),
        **Scorer(real, scores).score(other),
        "protocol": describe_protocol(extractor.card, scores, reference, len(others)).model_dump(),
    }
    write_json(REAL_SCORES, record)


def _read_some(split: str, count: int | None, scores: ScoresParams) -> NDArray[np.uint8]:
    """Read a split's images, or `count` drawn from the seed where there are more."""
    images = read_images(images_file(split), made_by="prepare")
    if count is None or count >= len(images):
        return images
    return images[sample_indices(len(images), count, scores.shuffle_seed)]


if __name__ == "__main__":
    run_stage(main)
