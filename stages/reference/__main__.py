"""Score the real images: data/prepared -> reference/ (their statistics, and the report's row `Real data`)."""

from stages.common.artifacts import REAL_SCORES, REFERENCE, write_json
from stages.common.cli import run_command
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.reference.labels import leave_out_rare, read_labels
from stages.reference.params import ReferenceParams, SampledParams
from stages.scores.extractor import load_extractor
from stages.scores.feature_statistics import extract_statistics
from stages.scores.image_digest import digest_images
from stages.scores.params import ScoresParams
from stages.scores.protocol import ReferenceSet, describe_protocol
from stages.scores.reference_statistics import (
    extract_reference,
    read_real_images,
    write_reference,
)
from stages.scores.scorer import Scorer


def main() -> None:
    """Extract the statistics of the reference split, and score images of the other split as if they were generated.

    The other split gives as many images as a snapshot has, or all of its images if it has fewer. Their scores are the
    best that a perfect generator could reach.
    """
    params = load_section(ReferenceParams, "reference")
    scores = load_section(ScoresParams, "scores")
    sample_count = load_section(SampledParams, "sample").sample_count
    extractor = load_extractor(configure_compute())
    real_images = read_real_images(params.split, params.count, scores.shuffle_seed)
    labels = read_labels(params.split, params.count, scores)
    real = extract_reference(real_images, extractor, scores, params.split, labels=labels)
    other_images = read_real_images(params.other_split(), sample_count, scores.shuffle_seed)
    other_labels = leave_out_rare(
        read_labels(params.other_split(), sample_count, scores),
        scores.fid_count(len(other_images)),
        extractor.card.feature_dimension,
    )
    title = f"real {params.other_split()}"
    other = extract_statistics(other_images, extractor, scores, title, labels=other_labels)

    # The row of real data scores the held-out images themselves, so its scorer gets none, and it has no C_T.
    has_held_out = "ct" in scores.extra
    held_out = other.features[: scores.compared_count] if has_held_out else None
    write_reference(REFERENCE, real._replace(held_out=held_out))
    reference = ReferenceSet(
        split=params.split,
        count=len(real_images),
        sha256=digest_images(real_images),
        held_out_sha256=digest_images(other_images) if has_held_out else None,
    )
    record = {
        "real_split": params.split,
        "real_count": len(real_images),
        "image_shape": list(real_images.shape[1:]),
        "other_split": params.other_split(),
        "other_count": len(other_images),
        **Scorer(real, scores).score(other),
        "protocol": describe_protocol(extractor.card, scores, reference, len(other_images)).model_dump(),
    }
    write_json(REAL_SCORES, record)


if __name__ == "__main__":
    run_command(main, __doc__)
