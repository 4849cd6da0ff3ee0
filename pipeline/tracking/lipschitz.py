"""Turn the Lipschitz analysis of a trial's discriminators into the MLflow metrics `lipschitz/<name>`."""

from typing import Any

KINDS = ("real", "fake", "interpolated")


def row_to_metrics(row: dict[str, Any]) -> dict[str, Any]:
    """Flatten one row of results/lipschitz/<trial>/metrics.jsonl to metrics by name.

    `share_of_bound` is left out for a discriminator whose layers give no bound.
    """
    layers = row["layers"]
    values = {
        "largest_sigma": max(layer["sigma"] for layer in layers),
        "largest_operator_norm": max(layer["operator_norm"] for layer in layers),
        "largest_sigma_error": max(layer["sigma_error"] for layer in layers),
        "sigma_product": row["sigma_product"],
        "operator_norm_product": row["operator_norm_product"],
    }
    for kind in KINDS:
        values[f"mean_gradient_norm_{kind}"] = row["gradient_norm"][kind]["mean"]
        values[f"largest_gradient_norm_{kind}"] = row["gradient_norm"][kind]["largest"]
        if row["has_bound"]:
            values[f"largest_share_of_bound_{kind}"] = row["share_of_bound"][kind]["largest"]
    return {f"lipschitz/{key}": value for key, value in values.items()}
