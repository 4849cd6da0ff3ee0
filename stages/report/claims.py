"""What the report claimed, held against our numbers: every verdict is computed."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from stages.report.inputs import LegResult, Results
from stages.report.published import SNGAN, name_gan
from stages.report.ranking import compare_orders
from stages.report.scores import FID, METRICS, Metric, rank_gans

# "Roughly the same" order: at least this Kendall's tau, which four of five pairs in the same order give.
ROUGHLY_THE_SAME = 0.6


class Claim(NamedTuple):
    """A claim and what became of it.

    Attributes:
        text: what the report says, and where.
        holds: whether our numbers say so too; None when they cannot tell.
        numbers: what that rests on.
    """

    text: str
    holds: bool | None
    numbers: str


def check_claims(results: Results) -> list[Claim]:
    """Check every claim that the grid can answer."""
    return [
        _check_best(results),
        _check_best_everywhere(results),
        *(_check_trend(results, metric) for metric in METRICS),
        _check_early_ranking(results),
        _check_fastest(results),
    ]


def _check_best(results: Results) -> Claim:
    text = "SNGAN is closest to real data in both Inception Score and FID (Table 1)."
    return _check_wins(results, text, [None])


def _check_best_everywhere(results: Results) -> Claim:
    text = "SNGAN is better than the others under every setting (Figure 2; its own bars give WGAN-GP the FID at A)."
    return _check_wins(results, text, results.grid.settings_used)


def _check_wins(results: Results, text: str, settings: Sequence[str | None]) -> Claim:
    """Check that SNGAN leads in both metrics under each setting, None being each GAN's best."""
    if not _can_compare(results):
        return Claim(text, None, "the grid does not hold SNGAN and another GAN")
    wins, told = [], []
    for setting in settings:
        for metric in METRICS:
            order = rank_gans(results, metric, setting)
            wins.append(next(iter(order), None) == SNGAN)
            told.append(
                f"{metric.title}{'' if setting is None else f' at {setting}'}: {_tell_lead(order, metric)}"
            )
    return Claim(text, all(wins), "; ".join(told))


def _tell_lead(order: dict[str, float], metric: Metric) -> str:
    """Name the first of an order and, beside it, SNGAN, or the second where SNGAN is the first."""
    if not order:
        return "none, all diverged"
    first, *others = order
    beside = others[0] if first == SNGAN and others else SNGAN
    other = (
        f"{name_gan(beside)} {metric.show(order[beside])}"
        if beside in order
        else f"{name_gan(beside)} diverged"
    )
    told = f"{name_gan(first)} {metric.show(order[first])}"
    return told if beside == first else f"{told}, {other}"


def _check_trend(results: Results, metric: Metric) -> Claim:
    direction = "rises" if metric.is_higher_better else "falls"
    text = f"The {metric.title} of every model {direction} with training (Figure 3)."
    legs = [result for result in results.legs if len(result.points) > 1]
    if not legs:
        return Claim(text, None, "no leg has two evaluation points")
    improved = [leg for leg in legs if metric.is_better(metric.of(leg.points[-1]), metric.of(leg.points[0]))]
    always = [leg for leg in legs if _always_improves(leg, metric)]
    told = (
        f"it {direction} from the first to the last point in {len(improved)} of {len(legs)} legs, and from every "
        f"point to the next in {len(always)}"
    )
    lost = sum(leg.diverged_at is not None and len(leg.points) < 2 for leg in results.legs)
    if lost:
        told += f"; {lost} more diverged before their second point"
    if results.missing:
        told += f"; {len(results.missing)} more missing"
    return Claim(text, len(always) == len(legs) and not lost, told)


def _always_improves(leg: LegResult, metric: Metric) -> bool:
    values = [metric.of(point) for point in leg.points]
    return all(metric.is_better(later, earlier) for earlier, later in pairwise(values))


def _check_early_ranking(results: Results) -> Claim:
    text = "The order by FID at the first evaluation point is roughly that at the last (Figure 3)."
    agreements = [
        (
            setting,
            compare_orders(_order_at(results, setting, first=True), _order_at(results, setting, first=False)),
        )
        for setting in results.grid.settings_used
    ]
    taus = [(setting, agreement.tau) for setting, agreement in agreements if agreement.tau is not None]
    if not taus:
        return Claim(text, None, "fewer than three GANs have two evaluation points under one setting")
    told = ", ".join(f"{setting}: {tau:+.2f}" for setting, tau in taus)
    holds = all(tau >= ROUGHLY_THE_SAME for _, tau in taus)
    return Claim(
        text,
        holds,
        f"Kendall's tau of the two orders, {told}; roughly the same means {ROUGHLY_THE_SAME} or more",
    )


def _order_at(results: Results, setting: str, first: bool) -> dict[str, float]:
    """Take each GAN's mean FID over seeds at its first or last point."""
    return _mean_by_gan(results, setting, lambda leg: FID.of(leg.points[0 if first else -1]))


def _check_fastest(results: Results) -> Claim:
    text = "SNGAN's Inception Score rises fastest (Figure 3)."
    if not _can_compare(results):
        return Claim(text, None, "the grid does not hold SNGAN and another GAN")
    fastest = []
    for setting in results.grid.settings_used:
        rises = _mean_by_gan(results, setting, _rise)
        if len(rises) > 1:
            gan = max(rises, key=lambda name: rises[name])
            fastest.append((setting, gan, rises[gan]))
    if not fastest:
        return Claim(text, None, "fewer than two GANs have two evaluation points under one setting")
    told = ", ".join(f"{setting}: {name_gan(gan)} ({rise:+.2f})" for setting, gan, rise in fastest)
    return Claim(
        text, all(gan == SNGAN for _, gan, _ in fastest), f"largest rise from first to last point at {told}"
    )


def _rise(leg: LegResult) -> float:
    return leg.points[-1].inception_score - leg.points[0].inception_score


def _mean_by_gan(results: Results, setting: str, measure: Callable[[LegResult], float]) -> dict[str, float]:
    """Average a measure over the seeds of each GAN that has two points under a setting."""
    means = {}
    for gan in results.grid.gans:
        legs = [leg for leg in results.of(gan, setting) if len(leg.points) > 1]
        if legs:
            means[gan] = sum(map(measure, legs)) / len(legs)
    return means


def _can_compare(results: Results) -> bool:
    return SNGAN in results.grid.gans and len(results.grid.gans) > 1
