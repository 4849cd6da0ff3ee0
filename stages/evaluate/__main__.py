"""Score every snapshot of one trial: samples/<trial> -> results/evaluate/<trial> (all scores with their protocol).

With `--real` and `--fake` instead of a trial it scores any images; see `python -m stages.evaluate --help`.
"""

import sys

from stages.common.artifacts import (
    MANIFEST,
    METRICS,
    POINTS,
    REAL_SCORES,
    REFERENCE,
    SAMPLES,
    SCORES,
    read_json,
    write_json,
)
from stages.common.cli import parse_trial, run_command
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.evaluate.score_cli import main as score_any_images
from stages.evaluate.snapshots import score_snapshots
from stages.evaluate.summary import summarise_points
from stages.scores.extractor import load_extractor
from stages.scores.params import ScoresParams
from stages.scores.protocol import COUNTS, ReferenceSet, check_same_protocol, describe_protocol
from stages.scores.reference_statistics import read_reference
from stages.scores.scorer import Scorer


def main() -> None:
    """Score a trial; one that diverged before its first snapshot gets no scores, only the step of the divergence."""
    trial = parse_trial(__doc__)
    params = load_section(ScoresParams, "scores")
    manifest = read_json(SAMPLES / trial.name / MANIFEST, made_by=f"sample@{trial.name}")
    record = read_json(REAL_SCORES, made_by="reference")
    real = read_reference(REFERENCE, record["real_split"])
    scorer = Scorer(real, params)
    extractor = load_extractor(configure_compute())
    reference = ReferenceSet(
        split=real.source,
        count=real.moments.image_count,
        sha256=record["protocol"]["reference_sha256"],
        held_out_sha256=record["protocol"].get("held_out_sha256"),
    )
    protocol = describe_protocol(extractor.card, params, reference, manifest["sample_count"])
    # The features of the reference must come from the same extractor.
    names, remedy = (trial.name, str(REAL_SCORES)), "make the reference anew: `dvc repro -f reference`"
    check_same_protocol(protocol.model_dump(), record["protocol"], names, remedy, ignored=COUNTS)
    points = score_snapshots(trial, manifest, extractor, scorer, record["image_shape"])
    scores = {
        **{key: manifest[key] for key in ("gan", "setting", "seed", "diverged_at_generator_step")},
        "protocol": protocol.model_dump(),
        "points": points,
    }
    write_json(SCORES / trial.name / POINTS, scores)
    write_json(SCORES / trial.name / METRICS, summarise_points(scores, protocol.digest))


if __name__ == "__main__":
    run_command(main if any(word.startswith("--gan") for word in sys.argv[1:]) else score_any_images)
