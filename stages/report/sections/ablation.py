"""The report's section on what its evaluation alone does to scores: real images, scored as its code did."""

from typing import Any, NamedTuple

from stages.common.artifacts import ABLATION, REAL_SCORES
from stages.report.published import REAL, name_gan, published_score
from stages.report.results.read import Results
from stages.report.results.records import read_record, take
from stages.report.statistics.scores import FID, METRICS, find_best
from stages.scores.protocol import check_same_protocol

SWITCHED_OFF = "It is switched off: ablation.is_enabled."
PLAIN = "as_they_are"


class AblationRow(NamedTuple):
    """Real images under one artefact.

    Attributes:
        title: what was done to them.
        missing: why there are no scores; None where there are.
        distinct_images: of the images scored.
        inception_score: of them.
        fid: of them.
        worse_than: names of the GANs whose best FID here is lower.
        share: of the lowest FID that the report prints for a GAN; None unless network and data set are its own.
    """

    title: str
    missing: str | None
    distinct_images: int | None = None
    inception_score: float | None = None
    fid: float | None = None
    worse_than: tuple[str, ...] = ()
    share: float | None = None


class AblationSection(NamedTuple):
    """What the section shows.

    Attributes:
        rows: none where it is switched off.
        why_empty: why there are none.
        image_count: images scored a row.
        split: that they are of.
        is_comparable: whether network and data set are the report's.
        published: by metric its key, the report's numbers of GANs, lowest and highest, and of real data.
    """

    rows: list[AblationRow]
    why_empty: str
    image_count: int
    split: str
    is_comparable: bool
    published: dict[str, tuple[float, float, float]]


def tell_ablation(results: Results) -> AblationSection:
    """Read results/ablation/scores.json.

    Raises:
        ValueError: it is missing or damaged, or was made under another protocol than the real images' scores.
    """
    record = read_record(ABLATION, "ablation", ("is_enabled", "rows"))
    is_comparable = results.protocol["extractor"] == "inception" and results.data["dataset"] == "cifar10"
    published = {metric.key: _span_published(metric.key) for metric in METRICS}
    if not record["is_enabled"]:
        return AblationSection([], SWITCHED_OFF, 0, "", is_comparable, published)

    files = (str(ABLATION), str(REAL_SCORES))
    protocol = read_record(ABLATION, "ablation", ("protocol",))["protocol"]
    check_same_protocol(protocol, results.real["protocol"], files, "score both alike: `dvc repro`")

    def make() -> AblationSection:
        titles = _list_titles(record)
        lowest = published[FID.key][0] if is_comparable else None
        rows = [_to_row(row, titles, results, lowest) for row in record["rows"]]
        return AblationSection(rows, "", record["image_count"], record["split"], is_comparable, published)

    return take(ABLATION, "ablation", make)


def _span_published(key: str) -> tuple[float, float, float]:
    """Return the lowest and the highest that the report prints for a GAN, and what it prints for real data."""
    gans = ("began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan")
    scores = [published_score("report_table1", gan, key) for gan in gans]
    known = [score for score in scores if score is not None]
    return min(known), max(known), published_score("report_table1", REAL, key) or 0.0


def _list_titles(record: dict[str, Any]) -> dict[str, str]:
    few = next(row["distinct_images"] for row in record["rows"] if row["name"] == "repeated")
    side, count = record["detour_size"], record["image_count"]
    return {
        PLAIN: "as they are",
        "repeated": f"{few} of them, over and over up to {count}",
        "stretched": "each one’s contrast stretched to 0–255",
        "detour": f"both sides resized to {side} × {side} first",
        "together": "all three",
        "torchvision": "torchvision’s network in place of the original",
    }


def _to_row(
    row: dict[str, Any], titles: dict[str, str], results: Results, lowest: float | None
) -> AblationRow:
    title = titles[row["name"]]
    if row["missing"] is not None:
        return AblationRow(title, str(row["missing"]))
    fid = float(row["fid"])
    bests = {gan: find_best(results, gan, FID) for gan in results.grid.gans}
    better = [name_gan(gan) for gan, best in bests.items() if best is not None and best.best.mean < fid]
    return AblationRow(
        title,
        None,
        int(row["distinct_images"]),
        float(row["inception_score"]),
        fid,
        tuple(better) if row["name"] != "torchvision" else (),
        None if lowest is None else fid / lowest,
    )
