"""Score every snapshot of one trial: samples/<trial> -> results/evaluate/<trial> (every score, with its protocol).

With `--real` and `--fake` in the trial's place, anyone's images: `python -m stages.evaluate --help`.
"""

import sys

from stages.common.artifacts import MANIFEST, METRICS, POINTS, SAMPLES, SCORES, read_json, write_json
from stages.common.cli import parse_trial, run_stage
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.evaluate.anyones_images import main as score_anyones_images
from stages.evaluate.points import read_reference, score_points
from stages.evaluate.summary import summarise_points
from stages.scores.extractor import load_extractor
from stages.scores.params import ScoresParams
from stages.scores.protocol import ReferenceSet, describe_protocol
from stages.scores.scorer import Scorer


def main() -> None:
    """A trial that diverged before its first snapshot has no points, and passes on where it diverged."""
    trial = parse_trial(__doc__)
    params = load_section(ScoresParams, "scores")
    manifest = read_json(SAMPLES / trial.name / MANIFEST, made_by=f"sample@{trial.name}")
    scorer = Scorer(read_reference(), params)
    extractor = load_extractor(configure_compute())
    points = score_points(trial, manifest, extractor, scorer)
    real = ReferenceSet(split=scorer.real.split, count=scorer.real.moments.image_count)
    protocol = describe_protocol(extractor.card, params, real, manifest["sample_count"])
    record = {
        **{key: manifest[key] for key in ("gan", "setting", "seed", "diverged_at_generator_step")},
        "protocol": protocol.model_dump(),
        "points": points,
    }
    write_json(SCORES / trial.name / POINTS, record)
    write_json(SCORES / trial.name / METRICS, summarise_points(record, protocol.digest))


if __name__ == "__main__":
    run_stage(main if any(word.startswith("--gan") for word in sys.argv[1:]) else score_anyones_images)
