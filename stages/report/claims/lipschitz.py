"""Check the published report's claims on spectral normalisation (section 2) against the analyses."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from stages.report.claims.decision import make_claim
from stages.report.formatting import pluralise
from stages.report.model.sections import Claim, Outcome
from stages.report.results.lipschitz import SCORE, Analyses, Analysis

# The published report gives no tolerance. Miyato et al. 2018, appendix C.1, measure 1.00 to 1.05 in normalised layers.
NEAR_ONE = 0.05
# The relative precision with which the norm of a convolution is measured; see docs/lipschitz.md.
PRECISION = 1e-3


class Universal(NamedTuple):
    """A claim about every snapshot: a single counterexample refutes it, and no number of snapshots proves it.

    Attributes:
        text: the claim, and where it is made.
        form: what is checked, and what would contradict the claim.
        is_so: returns whether a snapshot agrees with the claim.
        describe: describes the measurements at all snapshots.
    """

    text: str
    form: str
    is_so: Callable[[Analysis], bool]
    describe: Callable[[list[Analysis]], str]


# Equation 2 defines sigma by the norms of a map's inputs and outputs, so it is the norm of a layer as it is applied.
EQUATION_4 = Universal(
    text="The norm of a network of linear layers and ReLUs is at most the product of the layers' norms (equation 4).",
    form="A theorem: a gradient above the product of the norms of the layers as they are applied, at any "
    "image, would be an "
    "error of measurement. The equals sign in it contradicts itself wherever the gradient is smaller.",
    is_so=lambda point: point.largest_gradient <= point.operator_norm_product * (1 + PRECISION),
    describe=lambda points: (
        f"the gradient reaches {_format_range(p.largest_gradient / p.operator_norm_product for p in points)} times the "
        f"product of the norms, and {_format_range(p.largest_gradient / p.sigma_product for p in points)} "
        f"times that of the "
        "reshaped weights' σ, which equation 4 is not about"
    ),
)
EQUATION_5 = (
    Universal(
        text="Under spectral normalisation every layer has σ = 1 (equation 5).",
        form=f"A layer whose reshaped weight has a largest singular value further than {NEAR_ONE} from 1, "
        f"at any snapshot, "
        "contradicts.",
        is_so=lambda point: all(abs(layer.sigma - 1) <= NEAR_ONE for layer in point.layers),
        describe=lambda points: (
            f"{_format_range(layer.sigma for p in points for layer in p.layers)} for the reshaped weights; "
            f"{_format_range(layer.operator_norm for p in points for layer in p.layers)} for the layers "
            f"as they are applied"
        ),
    ),
    Universal(
        text="So the product of the layers' norms is at most 1, and the discriminator 1-Lipschitz (equation 5).",
        form=f"A product of the norms of the layers as they are applied above {1 + NEAR_ONE}, at any "
        f"snapshot, contradicts.",
        is_so=lambda point: point.operator_norm_product <= 1 + NEAR_ONE,
        describe=lambda points: (
            f"{_format_range(p.operator_norm_product for p in points)} with the layers as they are applied, "
            f"{_format_range(p.sigma_product for p in points)} with the reshaped weights"
        ),
    ),
    Universal(
        text="The norm of the discriminator's gradient is at most 1 (section 2; by the input, where "
        "Feng et al. say by the parameters).",
        form="A gradient with a norm above 1 at any image of any snapshot contradicts.",
        is_so=lambda point: point.largest_gradient <= 1,
        describe=lambda points: (
            f"largest norm at an image {_format_range(p.largest_gradient for p in points)}"
        ),
    ),
)
ENOUGH_TEXT = "One power iteration an update is enough (section 2)."
ENOUGH_FORM = (
    "SNGAN's scores with 1, 5 and 20 iterations: a surely worse score with 1 contradicts. The estimate's "
    "own error says nothing "
    "of scores."
)


def check_lipschitz_claims(analyses: Analyses) -> tuple[Claim, ...]:
    """Check each claim at every snapshot of every trial that it is about."""
    points = [point for trial in analyses.trials for point in trial.points]
    plain = [point for point in points if point.score_name == SCORE and not point.normaliser_norms]
    normalised = [point for point in points if all(layer.has_spectral_norm for layer in point.layers)]
    return (
        _check(EQUATION_4, plain),
        *(_check(claim, normalised) for claim in EQUATION_5),
        _describe_iterations(normalised),
    )


def _check(claim: Universal, points: list[Analysis]) -> Claim:
    """Check a claim at every snapshot that it is about, and count the snapshots that agree."""
    if not points:
        reason = "no discriminator that this is about has been analysed"
        return make_claim(claim.text, claim.form, Outcome.UNASKED, reason, "lipschitz")
    count = sum(map(claim.is_so, points))
    looks = pluralise(len(points), "snapshot")
    outcome = Outcome.UNCONTRADICTED if count == len(points) else Outcome.FAILS
    numbers = f"so at {count} of {looks}; {claim.describe(points)}"
    made = make_claim(claim.text, claim.form, outcome, numbers, "lipschitz")
    if outcome is Outcome.FAILS:
        return made
    return replace(made, verdict=f"{outcome.value} in {pluralise(len(points), 'look')}")


def _describe_iterations(points: list[Analysis]) -> Claim:
    """Make the claim on power iterations, which a run with only one number of iterations cannot answer."""
    reason = (
        "all SNGANs of a run have one number of power iterations; docs/ablations.md has the runs that ask"
    )
    if points:
        error = max(layer.sigma_error for point in points for layer in point.layers)
        reason += f"; the estimate of σ is off by {100 * error:.2g} % at most, at {pluralise(len(points), 'snapshot')}"
    return make_claim(ENOUGH_TEXT, ENOUGH_FORM, Outcome.UNASKED, reason, "lipschitz")


def _format_range(values: Iterable[float]) -> str:
    """Format the smallest and the largest value, or one number if both look the same."""
    known = list(values)
    low, high = f"{min(known):.3g}", f"{max(known):.3g}"
    return low if low == high else f"{low} to {high}"
