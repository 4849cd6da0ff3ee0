"""Summarise a leg's points in flat numbers, for `dvc metrics`."""

from typing import Any


def summarise_points(record: dict[str, Any]) -> dict[str, Any]:
    """Give the best and the last Inception Score and FID with their generator steps.

    Args:
        record: what points.json holds.

    Returns:
        Flat numbers and names; a leg without points has no scores here, only where it diverged.
    """
    summary: dict[str, Any] = {}
    points = record["points"]
    if points:
        highest = max(points, key=lambda point: point["inception_score"])
        lowest = min(points, key=lambda point: point["fid"])
        summary = {
            "best_inception_score": highest["inception_score"],
            "best_inception_score_generator_step": highest["generator_step"],
            "best_fid": lowest["fid"],
            "best_fid_generator_step": lowest["generator_step"],
            "last_inception_score": points[-1]["inception_score"],
            "last_fid": points[-1]["fid"],
            "last_generator_step": points[-1]["generator_step"],
            "least_distinct_images": min(point["distinct_images"] for point in points),
        }
    if record["diverged_at_generator_step"] is not None:
        summary["diverged_at_generator_step"] = record["diverged_at_generator_step"]
    kept = ("extractor", "sample_count", "splits", "reference_split", "reference_count", "weights_sha256")
    return summary | {key: record["protocol"][key] for key in kept}
