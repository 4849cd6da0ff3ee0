"""Score real images as the report's code would have: data/prepared, reference/ -> results/ablation/scores.json."""

import numpy as np

from stages.ablation.params import AblationParams
from stages.ablation.rows import Ablation
from stages.common.artifacts import (
    ABLATION,
    REAL_SCORES,
    REFERENCE_MOMENTS,
    images_file,
    read_images,
    read_json,
    write_json,
)
from stages.common.cli import run_stage
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.scores.extractor import load_extractor
from stages.scores.feature_statistics import sample_indices
from stages.scores.moments import read_moments
from stages.scores.params import ScoresParams
from stages.scores.real_features import REAL_FEATURES, read_features
from stages.scores.scorer import ReferenceStatistics


def main() -> None:
    """Score the images of the row `Real data`, under the same protocol, with what the report did to its own."""
    params = load_section(AblationParams, "ablation")
    scores = load_section(ScoresParams, "scores")
    record = {"is_enabled": params.is_enabled, "rows": []}
    if params.is_enabled:
        real, device = read_json(REAL_SCORES, made_by="reference"), configure_compute()
        ablation = Ablation(
            params,
            scores,
            _read_some(real["other_split"], real["other_count"], scores),
            _read_some(real["real_split"], real["real_count"], scores),
            ReferenceStatistics(
                real["real_split"], read_moments(REFERENCE_MOMENTS), read_features(REAL_FEATURES)
            ),
            load_extractor(device),
        )
        record |= {
            "protocol": real["protocol"],
            "split": real["other_split"],
            "image_count": real["other_count"],
            "detour_size": params.detour_size,
            "rows": ablation.list_rows(device),
        }
    write_json(ABLATION, record)


def _read_some(
    split: str, count: int, scores: ScoresParams
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Read the images that the reference stage took of a split."""
    images = read_images(images_file(split), made_by="prepare")
    return images if count == len(images) else images[sample_indices(len(images), count, scores.shuffle_seed)]


if __name__ == "__main__":
    run_stage(main)
