"""Summarise a trial's rows in flat numbers, for `dvc metrics`."""

from typing import Any

from stages.lipschitz.analysis import Row


def summarise_rows(rows: list[Row], diverged_at: int | None) -> dict[str, Any]:
    """Give the last snapshot's norms, gradients and bounds, and the largest error of power iteration over all.

    A trial without snapshots has nothing here but where it diverged.
    """
    summary: dict[str, Any] = {}
    if rows:
        last = rows[-1]
        layers = last["layers"]
        summary = {
            "generator_step": last["generator_step"],
            "largest_sigma": max(layer["sigma"] for layer in layers),
            "largest_operator_norm": max(layer["operator_norm"] for layer in layers),
            "largest_sigma_error": max(layer["sigma_error"] for row in rows for layer in row["layers"]),
            "sigma_product": last["sigma_product"],
            "operator_norm_product": last["operator_norm_product"],
            **{f"mean_gradient_norm_{kind}": norm["mean"] for kind, norm in last["gradient_norm"].items()},
            **{
                f"largest_gradient_norm_{kind}": norm["largest"]
                for kind, norm in last["gradient_norm"].items()
            },
        }
    summary["diverged_at_generator_step"] = diverged_at
    # DVC compares numbers; a key without one is left out.
    return {key: value for key, value in summary.items() if value is not None}
