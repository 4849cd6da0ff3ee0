"""Summarise the norms and gradients of a trial as a flat dictionary of numbers."""

from typing import Any

from stages.lipschitz.analysis import Row


def summarise_rows(rows: list[Row], diverged_at: int | None) -> dict[str, Any]:
    """Return the last snapshot's norms and products, and the largest error of power iteration over all snapshots.

    Args:
        rows: one for each snapshot; empty if the trial diverged before the first one.
        diverged_at: the generator step at which the trial diverged, or None.

    Returns:
        The numbers by name. None is left out, because DVC compares only numbers.
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
    return {key: value for key, value in summary.items() if value is not None}
