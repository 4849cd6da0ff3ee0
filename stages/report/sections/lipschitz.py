"""Build the table of the discriminators' norms and gradients, and whether the gradients stay within their bounds."""

import math
from collections.abc import Callable

from stages.report.model.sections import Count, LipschitzRow, LipschitzSection, Range
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.results.lipschitz import SCORE, Analyses, Analysis


def build_lipschitz(results: Results) -> LipschitzSection:
    """Build a row for each GAN that has an analysis, and name the trials without one."""
    analyses = results.analyses
    rows = tuple(_build_row(gan, analyses) for gan in results.grid.gans if analyses.select_trials(gan))
    return LipschitzSection(rows, tuple(analyses.missing))


def _build_row(gan: str, analyses: Analyses) -> LipschitzRow:
    trials = analyses.select_trials(gan)
    ends = [analysis.points[-1] for analysis in trials]
    points = [point for analysis in trials for point in analysis.points]
    is_score = points[0].score_name == SCORE
    known = [share for point in points if (share := point.share_of_bound) is not None]
    return LipschitzRow(
        gan=gan,
        name=name_gan(gan),
        score_name=points[0].score_name,
        sigma=_find_range(ends, lambda point: max(layer.sigma for layer in point.layers)),
        operator_norm=_find_range(ends, lambda point: max(layer.operator_norm for layer in point.layers)),
        sigma_product=_find_range(ends, lambda point: point.sigma_product),
        operator_norm_product=_find_range(ends, lambda point: point.operator_norm_product),
        normaliser_norm=_find_range(ends, lambda point: max(point.normaliser_norms))
        if points[0].normaliser_norms
        else None,
        largest_gradient=_find_range(ends, lambda point: point.largest_gradient),
        mean_gradient_between=_find_range(ends, lambda point: point.gradients["interpolated"].mean),
        within_one=_count(points, lambda point: point.largest_gradient <= 1),
        within_sigma_product=_count(points, lambda point: point.largest_gradient <= point.sigma_product)
        if is_score
        else None,
        within_bound=(sum(share <= 1 for share in known), len(known)) if known else None,
        share_of_bound=_to_finite(max(known)) if known else None,
    )


def _find_range(points: list[Analysis], measure: Callable[[Analysis], float]) -> Range:
    values = [measure(point) for point in points]
    return _to_finite(min(values)), _to_finite(max(values))


def _to_finite(value: float) -> float | None:
    """Return None for a number that is not finite, which JSON does not have."""
    return value if math.isfinite(value) else None


def _count(points: list[Analysis], is_so: Callable[[Analysis], bool]) -> Count:
    return sum(map(is_so, points)), len(points)
