"""Score an entry of somebody else: entries.<name> -> results/evaluate/entry-<name> (scores, grids, samples)."""

from stages.common.artifacts import (
    METRICS,
    POINTS,
    REAL_SCORES,
    REFERENCE,
    SAMPLES,
    entry_folder,
    entry_source_file,
    grid_name,
    read_json,
    samples_name,
    write_array,
    write_json,
)
from stages.common.cli import parse_entry, run_command
from stages.common.compute import configure_compute
from stages.common.image_grid import write_grid
from stages.common.params import load_section
from stages.entry.images import assign_labels, read_entry_images
from stages.entry.params import ComparedParams, Entry, SampledParams
from stages.scores.distinct_images import count_distinct
from stages.scores.extractor import load_extractor
from stages.scores.feature_statistics import extract_statistics
from stages.scores.params import ScoresParams
from stages.scores.protocol import COUNTS, ReferenceSet, check_same_protocol, describe_protocol
from stages.scores.reference_statistics import read_reference
from stages.scores.scorer import Scorer


def main() -> None:
    """Score every file of an entry by the protocol of the comparison's GANs; each file counts as a seed."""
    name = parse_entry(__doc__)
    entry = load_section(Entry, "entries", name)
    params, sample = load_section(ScoresParams, "scores"), load_section(SampledParams, "sample")
    compared = load_section(ComparedParams, "neighbours")
    record = read_json(REAL_SCORES, made_by="reference")
    sources = read_json(entry_source_file(name), made_by=f"entry_source@{name}")["files"]
    device = configure_compute()
    real = read_reference(REFERENCE, record["real_split"])
    scorer, extractor = Scorer(real, params), load_extractor(device)
    reference = ReferenceSet(
        split=real.source,
        count=real.moments.image_count,
        sha256=record["protocol"]["reference_sha256"],
        held_out_sha256=record["protocol"].get("held_out_sha256"),
    )
    protocol = describe_protocol(extractor.card, params, reference, sample.sample_count)
    remedy = "make the reference anew: `dvc repro -f reference`"
    check_same_protocol(
        protocol.model_dump(), record["protocol"], (name, str(REAL_SCORES)), remedy, ignored=COUNTS
    )
    folder, points = entry_folder(name), []
    for place, source in enumerate(sources):
        key = f"entries.{name}.files[{place}]"
        images, caveat = read_entry_images(
            entry, place, key, sample.sample_count, record["image_shape"], params.shuffle_seed
        )
        labels = assign_labels(entry, len(images))
        scores = scorer.score(extract_statistics(images, extractor, params, key, labels=labels))
        grid = images[: sample.grid_rows * sample.grid_columns]
        write_grid(folder / "grids" / grid_name(place), grid, sample.grid_rows, sample.grid_columns)
        write_array(folder / SAMPLES.name / samples_name(place), images[: compared.sample_count])
        distinct = count_distinct(images)
        point = {"seed": place, "sha256": source["sha256"], **scores, "distinct_images": distinct}
        points.append(point if caveat is None else point | {"caveat": caveat})
    write_json(
        folder / POINTS,
        {"entry": name, "title": entry.title, "protocol": protocol.model_dump(), "points": points},
    )
    summary = {f"seed_{point['seed']}": {key: point[key] for key in scores} for point in points}
    write_json(
        folder / METRICS, {**summary, "protocol": protocol.model_dump(), "protocol_digest": protocol.digest}
    )


if __name__ == "__main__":
    run_command(main)
