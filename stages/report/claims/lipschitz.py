"""Check the published report's claims on spectral normalisation (section 2) against the analyses."""

from collections.abc import Callable, Iterable

from stages.report.claims.decision import make_claim
from stages.report.formatting import format_percent, pluralise
from stages.report.model.sections import Claim
from stages.report.results.lipschitz import SCORE, Analyses, Analysis

# The published report has no tolerance. Miyato et al. 2018, appendix C.1, finds normalised layers at 1.00 to 1.05.
NEAR_ONE = 0.05
# The published report has no bound on the error of power iteration.
SMALL_ERROR = 0.05


def check_lipschitz_claims(analyses: Analyses) -> tuple[Claim, ...]:
    """Check each claim at every snapshot of every trial that it is about."""
    points = [point for trial in analyses.trials for point in trial.points]
    scores = [point for point in points if point.score_name == SCORE]
    plain = [point for point in scores if not point.normaliser_norms]
    normalised = [point for point in points if all(layer.has_spectral_norm for layer in point.layers)]
    normalised_layers = [layer for point in normalised for layer in point.layers]
    return (
        _check(
            "The gradient of a network of layers and ReLUs is at most the product of the layers' σ(W) (equation 4).",
            plain,
            lambda point: point.largest_gradient <= point.sigma_product,
            lambda: f"it reaches {_format_ratios(plain)} that product{_describe_others(scores)}",
        ),
        _check(
            "Under spectral normalisation every layer has σ = 1 (equation 5).",
            normalised,
            lambda point: all(abs(layer.sigma - 1) <= NEAR_ONE for layer in point.layers),
            lambda: (
                f"{_format_range(layer.sigma for layer in normalised_layers)} for the reshaped weights, within "
                f"{NEAR_ONE} of 1 counted; {_format_range(layer.operator_norm for layer in normalised_layers)} for the "
                "layers as they are applied"
            ),
        ),
        _check(
            "So the product of the layers' norms is at most 1, and the discriminator 1-Lipschitz (equation 5).",
            normalised,
            lambda point: point.operator_norm_product <= 1 + NEAR_ONE,
            lambda: (
                f"{_format_range(point.operator_norm_product for point in normalised)} with the layers as they are "
                f"applied, {_format_range(point.sigma_product for point in normalised)} with the reshaped weights"
            ),
        ),
        _check(
            "The norm of the discriminator's gradient is at most 1 (section 2; by the input, where the report says by "
            "the parameters).",
            normalised,
            lambda point: point.largest_gradient <= 1,
            lambda: (
                f"largest norm at an image {_format_range(point.largest_gradient for point in normalised)}"
            ),
        ),
        _check(
            f"One power iteration an update is enough (section 2): its error is below {format_percent(SMALL_ERROR)}.",
            normalised,
            lambda point: _find_largest_error(point) < SMALL_ERROR,
            lambda: f"largest error {100 * max(map(_find_largest_error, normalised)):.2g} %",
        ),
    )


def _check(
    text: str, points: list[Analysis], is_so: Callable[[Analysis], bool], describe: Callable[[], str]
) -> Claim:
    """Check a claim at each snapshot that it is about, and say at how many it holds, and by how much."""
    if not points:
        return make_claim(text, None, "no discriminator that this is about has been analysed", "lipschitz")
    count = sum(map(is_so, points))
    numbers = f"at {count} of {pluralise(len(points), 'snapshot')}; {describe()}"
    return make_claim(text, count == len(points), numbers, "lipschitz")


def _describe_others(scores: list[Analysis]) -> str:
    others = [point for point in scores if point.normaliser_norms]
    return f"; with batch or layer norm between the layers, {_format_ratios(others)}" if others else ""


def _format_ratios(points: list[Analysis]) -> str:
    return f"{_format_range(point.largest_gradient / point.sigma_product for point in points)} times"


def _find_largest_error(point: Analysis) -> float:
    return max(layer.sigma_error for layer in point.layers)


def _format_range(values: Iterable[float]) -> str:
    """Write the smallest and the largest of the values, one number where both look alike."""
    known = list(values)
    low, high = f"{min(known):.3g}", f"{max(known):.3g}"
    return low if low == high else f"{low} to {high}"
