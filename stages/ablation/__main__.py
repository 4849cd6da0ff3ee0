"""Score real images after the report's distortions: data/prepared, reference/ -> results/ablation/scores.json."""

from stages.ablation.params import AblationParams
from stages.ablation.rows import Ablation
from stages.common.artifacts import ABLATION, REAL_SCORES, REFERENCE, read_json, write_json
from stages.common.cli import run_command
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.scores.extractor import load_extractor
from stages.scores.params import ScoresParams
from stages.scores.reference_statistics import read_real_images, read_reference


def main() -> None:
    """Apply the report's distortions to the images of the row `Real data`, and score them by that row's protocol."""
    params = load_section(AblationParams, "ablation")
    scores = load_section(ScoresParams, "scores")
    record = {"is_enabled": params.is_enabled, "rows": []}
    if params.is_enabled:
        real, device = read_json(REAL_SCORES, made_by="reference"), configure_compute()
        ablation = Ablation(
            params,
            scores,
            read_real_images(real["other_split"], real["other_count"], scores.shuffle_seed),
            read_real_images(real["real_split"], real["real_count"], scores.shuffle_seed),
            read_reference(REFERENCE, real["real_split"]),
            load_extractor(device),
        )
        record |= {
            "protocol": real["protocol"],
            "split": real["other_split"],
            "image_count": real["other_count"],
            "resize_size": params.resize_size,
            "rows": ablation.list_rows(device),
        }
    write_json(ABLATION, record)


if __name__ == "__main__":
    run_command(main, __doc__)
