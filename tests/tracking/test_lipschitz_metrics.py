"""The MLflow metrics of a Lipschitz analysis."""

from typing import Any

import pytest

from pipeline.tracking.lipschitz import row_to_metrics

KINDS = ("real", "fake", "interpolated")


def make_row(has_bound: bool) -> dict[str, Any]:
    layers = [
        {"sigma": 1.0, "operator_norm": 2.0, "sigma_error": 0.01},
        {"sigma": 1.5, "operator_norm": 1.75, "sigma_error": 0.0},
    ]
    norms = {kind: {"mean": 0.5, "largest": 0.75} for kind in KINDS}
    return {
        "generator_step": 10,
        "layers": layers,
        "has_bound": has_bound,
        "sigma_product": 1.5,
        "operator_norm_product": 3.5,
        "gradient_norm": norms,
        "share_of_bound": {kind: {"largest": 0.2} if has_bound else None for kind in KINDS},
    }


def test_an_analysis_becomes_flat_metrics_of_one_prefix() -> None:
    values = row_to_metrics(make_row(has_bound=True))
    assert all(key.startswith("lipschitz/") for key in values)
    assert values["lipschitz/largest_operator_norm"] == 2.0
    assert values["lipschitz/largest_sigma"] == 1.5
    assert values["lipschitz/largest_sigma_error"] == 0.01
    assert values["lipschitz/mean_gradient_norm_real"] == 0.5
    assert values["lipschitz/largest_gradient_norm_fake"] == 0.75
    assert values["lipschitz/largest_share_of_bound_interpolated"] == 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_a_discriminator_without_a_bound_has_no_metric_of_one(kind: str) -> None:
    assert f"lipschitz/largest_share_of_bound_{kind}" not in row_to_metrics(make_row(has_bound=False))
