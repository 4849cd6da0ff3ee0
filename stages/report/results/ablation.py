"""Read the scores of real images under the distortions of the published report's evaluation."""

from typing import Any, NamedTuple

from stages.common.artifacts import ABLATION, REAL_SCORES
from stages.report.results.records import parse_content, read_record
from stages.scores.protocol import check_same_protocol


class DistortedScores(NamedTuple):
    """Scores of real images under one distortion.

    Attributes:
        name: the name of the distortion, as the stage ablation names it.
        missing: the reason why there are no scores; None where there are.
        distinct_images: the number of distinct images among the scored ones.
        inception_score: the Inception Score of the images; None where the extractor tells no classes apart.
        fid: the FID of the images.
    """

    name: str
    missing: str | None
    distinct_images: int | None = None
    inception_score: float | None = None
    fid: float | None = None


class Ablation(NamedTuple):
    """The measurements of the stage ablation.

    Attributes:
        rows: the scores for each distortion; the first row is of undistorted images.
        image_count: the number of images scored per row.
        split: the split that the images come from.
        resize_size: the side in pixels that images were resized to and back from.
    """

    rows: list[DistortedScores]
    image_count: int
    split: str
    resize_size: int


def read_ablation(real_protocol: dict[str, Any]) -> Ablation | None:
    """Read results/ablation/scores.json; None where `ablation.is_enabled` is false.

    Args:
        real_protocol: the protocol of the scores of real images, with which these scores must be comparable.

    Raises:
        InputError: the file is missing or damaged, or its scores were made under another protocol.
    """
    record = read_record(ABLATION, "ablation", ("is_enabled", "rows"))
    if not record["is_enabled"]:
        return None
    protocol = read_record(ABLATION, "ablation", ("protocol",))["protocol"]
    files = (str(ABLATION), str(REAL_SCORES))
    check_same_protocol(protocol, real_protocol, files, "score both alike: `dvc repro`")
    return parse_content(
        ABLATION,
        "ablation",
        lambda: Ablation(
            rows=[_parse_row(row) for row in record["rows"]],
            image_count=int(record["image_count"]),
            split=str(record["split"]),
            resize_size=int(record["resize_size"]),
        ),
    )


def _parse_row(row: dict[str, Any]) -> DistortedScores:
    if row["missing"] is not None:
        return DistortedScores(row["name"], str(row["missing"]))
    score = row["inception_score"]
    return DistortedScores(
        row["name"],
        None,
        int(row["distinct_images"]),
        None if score is None else float(score),
        float(row["fid"]),
    )
