"""Build the section on the effect of the published report's evaluation on the scores of real images."""

from stages.report.model.sections import AblationRow, AblationSection
from stages.report.published import name_gan, published_range
from stages.report.results.ablation import Ablation, DistortedScores
from stages.report.results.all_results import Results
from stages.report.statistics.metrics import FID
from stages.report.statistics.summary import find_best_trial

# The scores of this row come from another network than those of the GANs trained here.
OTHER_NETWORK = "torchvision"


def build_ablation(results: Results) -> AblationSection:
    """Compare the scores of distorted real images with the GANs trained here and with the published numbers."""
    ablation = results.ablation
    return AblationSection(
        is_enabled=ablation is not None,
        rows=() if ablation is None else _list_rows(results, ablation),
        image_count=0 if ablation is None else ablation.image_count,
        split="" if ablation is None else ablation.split,
        is_comparable=results.has_published_protocol,
    )


def _list_rows(results: Results, ablation: Ablation) -> tuple[AblationRow, ...]:
    titles = _list_titles(ablation)
    best_fids = {
        name_gan(gan): FID.choose(trial.points).fid
        for gan in results.grid.gans
        if (trial := find_best_trial(results, gan, FID)) is not None
    }
    lowest = published_range(FID.key).lowest if results.has_published_protocol else None
    return tuple(_build_row(row, titles[row.name], best_fids, lowest) for row in ablation.rows)


def _list_titles(ablation: Ablation) -> dict[str, str]:
    """Describe each distortion in words, by its name in the stage ablation."""
    repeated = next(row.distinct_images for row in ablation.rows if row.name == "repeated")
    return {
        "as_they_are": "as they are",
        "repeated": f"{repeated} of them, repeated up to {ablation.image_count}",
        "stretched": "each one's contrast stretched to 0–255",
        "resized": f"both sides resized to {ablation.resize_size} × {ablation.resize_size} first",
        "together": "all three",
        "torchvision": "torchvision's network in place of the original",
    }


def _build_row(
    row: DistortedScores, title: str, best_fids: dict[str, float], lowest: float | None
) -> AblationRow:
    fid = row.fid
    better = [name for name, best in best_fids.items() if fid is not None and best < fid]
    return AblationRow(
        title=title,
        missing=row.missing,
        distinct_images=row.distinct_images,
        inception_score=row.inception_score,
        fid=fid,
        worse_than=() if row.name == OTHER_NETWORK else tuple(better),
        share=None if fid is None or lowest is None else fid / lowest,
    )
