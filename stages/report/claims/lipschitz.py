"""What section 2 of the report claims of spectral normalisation, held against the analyses."""

from collections.abc import Callable, Iterator

from stages.report.claims.verdict import Claim
from stages.report.results.lipschitz import SCORE, Analyses, Analysis

# The report has no tolerance. Miyato et al. 2018, appendix C.1, finds normalised layers at 1.00 to 1.05.
NEAR_ONE = 0.05
SUFFICIENT = 0.05


def check_lipschitz_claims(analyses: Analyses) -> list[Claim]:
    """Check each claim at every snapshot of every trial that it is about."""
    points = [point for one in analyses.trials for point in one.points]
    scores = [point for point in points if point.score_name == SCORE]
    plain = [point for point in scores if not point.factors]
    normalised = [point for point in points if all(layer.has_spectral_norm for layer in point.layers)]
    return [
        _check(
            "The gradient of a network of layers and ReLUs is at most the product of the layers' σ(W) (equation 4).",
            plain,
            lambda point: point.steepest <= point.sigma_product,
            lambda: f"it reaches {_tell_shares(plain)} that product{_tell_normalised(scores)}",
        ),
        _check(
            "Under spectral normalisation every layer has σ = 1 (equation 5).",
            normalised,
            lambda point: all(abs(layer.sigma - 1) <= NEAR_ONE for layer in point.layers),
            lambda: (
                f"{_tell_range(_list_sigmas(normalised))} for the reshaped weights, within {NEAR_ONE} of 1 counted; "
                f"{_tell_range(_list_operator_norms(normalised))} for the layers as they are applied"
            ),
        ),
        _check(
            "So the product of the layers' norms is at most 1, and the discriminator 1-Lipschitz (equation 5).",
            normalised,
            lambda point: point.operator_norm_product <= 1 + NEAR_ONE,
            lambda: (
                f"{_tell_range([point.operator_norm_product for point in normalised])} with the layers as they are "
                f"applied, {_tell_range([point.sigma_product for point in normalised])} with the reshaped weights"
            ),
        ),
        _check(
            "The norm of the discriminator's gradient is at most 1 (section 2; by the input, where the report says by "
            "the parameters).",
            normalised,
            lambda point: point.steepest <= 1,
            lambda: f"largest norm at an image {_tell_range([point.steepest for point in normalised])}",
        ),
        _check(
            "One power iteration an update is enough (section 2): its error is below 5 %.",
            normalised,
            lambda point: all(layer.sigma_error < SUFFICIENT for layer in point.layers),
            lambda: f"largest error {100 * max(_list_errors(normalised)):.2g} %",
        ),
    ]


def _check(
    text: str, points: list[Analysis], is_so: Callable[[Analysis], bool], tell: Callable[[], str]
) -> Claim:
    """Hold a claim against each snapshot that it is about, and tell how many it holds at, and by how much."""
    if not points:
        return Claim(text, None, "no discriminator that this is about has been analysed", "lipschitz")
    count = sum(map(is_so, points))
    return Claim(text, count == len(points), f"at {count} of {len(points)} snapshots; {tell()}", "lipschitz")


def _tell_normalised(scores: list[Analysis]) -> str:
    others = [point for point in scores if point.factors]
    return f"; with batch or layer norm between the layers, {_tell_shares(others)}" if others else ""


def _tell_shares(points: list[Analysis]) -> str:
    return f"{_tell_range([point.steepest / point.sigma_product for point in points])} times"


def _list_sigmas(points: list[Analysis]) -> list[float]:
    return [layer.sigma for point in points for layer in point.layers]


def _list_operator_norms(points: list[Analysis]) -> list[float]:
    return [layer.operator_norm for point in points for layer in point.layers]


def _list_errors(points: list[Analysis]) -> Iterator[float]:
    return (layer.sigma_error for point in points for layer in point.layers)


def _tell_range(values: list[float]) -> str:
    return f"{min(values):.3g} to {max(values):.3g}"
