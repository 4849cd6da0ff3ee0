"""Score the real images: data/prepared -> reference/ (moments that FID compares with; the row `Real data`)."""

from stages.common.artifacts import REAL_SCORES, REFERENCE_MOMENTS, images_file, read_images, write_json
from stages.common.compute import start_compute
from stages.common.entry import run_stage
from stages.common.params import load_section
from stages.reference.params import ReferenceParams
from stages.scores.extractor import load_extractor
from stages.scores.frechet import frechet_distance
from stages.scores.moments import write_moments
from stages.scores.params import ScoresParams
from stages.scores.score import describe_protocol, look_at


def main() -> None:
    """Look at both splits; the FID of one against the other is the best that a perfect generator could get."""
    params = load_section(ReferenceParams, "reference")
    scores = load_section(ScoresParams, "scores")
    splits = (params.split, params.other_split())
    extractor = load_extractor(start_compute())
    reference, other = (
        look_at(read_images(images_file(split), made_by="prepare"), extractor, scores, f"real {split} split")
        for split in splits
    )
    write_moments(REFERENCE_MOMENTS, reference.moments)
    record = {
        "real_split": params.split,
        "real_count": reference.moments.image_count,
        "other_split": params.other_split(),
        "other_count": other.moments.image_count,
        "inception_score": reference.inception_score.mean,
        "inception_score_deviation": reference.inception_score.deviation,
        "fid": frechet_distance(reference.moments, other.moments),
        "protocol": describe_protocol(extractor.card, scores),
    }
    write_json(REAL_SCORES, record)


if __name__ == "__main__":
    run_stage(main)
