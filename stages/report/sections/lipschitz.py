"""The report's section on how steep discriminators are: two figures, a table of answers, the claims."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.grid import Grid
from stages.report.claims.lipschitz import check_lipschitz_claims
from stages.report.claims.verdict import Claim
from stages.report.figures.images import Illustration
from stages.report.figures.lipschitz import draw_gradients, draw_layer_norms
from stages.report.figures.plot_style import write_figure
from stages.report.published import name_gan
from stages.report.results.lipschitz import SCORE, Analyses, Analysis, read_analyses

LAYERS = Illustration(
    "lipschitz_layers.png",
    "How far each layer of the discriminators stretches, over the training: the reshaped weight, which spectral "
    "normalisation holds at 1, and the layer as it is applied to its inputs.",
    "Small panels of every layer's largest singular value and operator norm over generator steps, a row a GAN and a "
    "column a setting; the values at the end are in the table below.",
)
GRADIENTS = Illustration(
    "lipschitz_gradients.png",
    "How steep the discriminators are: the norm of the gradient by the input at real and generated images and between "
    "them (line: mean, band: up to the largest), the product of equation 4, and what does bound it. Grey: 1.",
    "Small panels of gradient norms over generator steps against two bounds, a row a GAN and a column a setting; the "
    "largest norms at the end and what they keep to are in the table below.",
)

LARGE = 1000.0


class LipschitzSection(NamedTuple):
    """What the section shows.

    Attributes:
        figures: none without an analysis.
        answers: a row a GAN that has one.
        claims: of the report's section 2.
        missing: trials without an analysis.
    """

    figures: list[Illustration]
    answers: list[dict[str, Any]]
    claims: list[Claim]
    missing: list[str]


def tell_lipschitz(grid: Grid, folder: Path) -> LipschitzSection:
    """Read the analyses, and draw them into the report's folder.

    Raises:
        ValueError: a file is damaged.
    """
    analyses = read_analyses(grid)
    answers = list_answers(analyses, grid)
    figures = []
    if answers:
        for draw, figure in ((draw_layer_norms, LAYERS), (draw_gradients, GRADIENTS)):
            write_figure(folder / figure.file, draw(analyses, grid))
            figures.append(figure)
    return LipschitzSection(figures, answers, check_lipschitz_claims(analyses), analyses.missing)


def list_answers(analyses: Analyses, grid: Grid) -> list[dict[str, Any]]:
    """Give a row for each GAN that has an analysis: its norms, and whether its gradients keep to each bound."""
    return [_answer(gan, analyses) for gan in grid.gans if analyses.of(gan)]


def _answer(gan: str, analyses: Analyses) -> dict[str, Any]:
    """Tell of a GAN the norms at the end of its trials, and at how many snapshots its gradients keep to each bound."""
    trials = analyses.of(gan)
    ends = [one.points[-1] for one in trials]
    points = [point for one in trials for point in one.points]
    is_score = points[0].score_name == SCORE
    shares = [point.share_of_bound for point in points]
    known = [share for share in shares if share is not None]
    return {
        "gan": gan,
        "name": name_gan(gan),
        "score_name": points[0].score_name,
        "sigma": _range(ends, lambda point: max(layer.sigma for layer in point.layers)),
        "operator_norm": _range(ends, lambda point: max(layer.operator_norm for layer in point.layers)),
        "sigma_product": _range(ends, lambda point: point.sigma_product),
        "operator_norm_product": _range(ends, lambda point: point.operator_norm_product),
        "factor": _range(ends, lambda point: max(point.factors)) if points[0].factors else None,
        "steepest": _range(ends, lambda point: point.steepest),
        "mean_between": _range(ends, lambda point: point.steepness["interpolated"].mean),
        "within_one": _count(points, lambda point: point.steepest <= 1),
        "within_sigma_product": _count(points, lambda point: point.steepest <= point.sigma_product)
        if is_score
        else None,
        "within_bound": [sum(share <= 1 for share in known), len(known)] if known else None,
        "share_of_bound": max(known) if known else None,
    }


def _range(points: list[Analysis], measure: Callable[[Analysis], float]) -> list[float]:
    values = [measure(point) for point in points]
    return [min(values), max(values)]


def _count(points: list[Analysis], is_so: Callable[[Analysis], bool]) -> list[int]:
    return [sum(map(is_so, points)), len(points)]


def show_range(values: list[float] | None) -> str:
    """Write a range for people, one number where its ends look alike, a dash for none."""
    if values is None:
        return "–"
    low, high = map(show_number, values)
    return low if low == high else f"{low}–{high}"


def show_number(value: float) -> str:
    """Write a number for people in three digits, a large one as a whole number."""
    return f"{value:.3g}" if value < LARGE else f"{value:,.0f}"


def show_count(counts: list[int] | None) -> str:
    """Write how often something is so: yes, no, or how many of how many; a dash where that is no question."""
    if counts is None:
        return "–"
    count, total = counts
    return {0: "no", total: "yes"}.get(count, f"{count} of {total}")
