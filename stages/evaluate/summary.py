"""Summarise the scores of a trial's snapshots as a flat dictionary of numbers, for `dvc metrics`."""

from collections.abc import Callable
from typing import Any

NO_SCORES = ("generator_step", "discriminator_steps", "epoch", "distinct_images")


def summarise_points(record: dict[str, Any], digest: str) -> dict[str, Any]:
    """Return the best Inception Score and FID and the last value of every score, with their generator steps.

    Args:
        record: the content of points.json.
        digest: the digest of the scores' protocol.

    Returns:
        The numbers by key, and the protocol with its digest. A score that the extractor does not give is left out. A
        trial without points has no scores, only the step at which it diverged.
    """
    summary: dict[str, Any] = {}
    points = record["points"]
    if points:
        summary = {
            **_find_best(points, "inception_score", max),
            **_find_best(points, "fid", min),
            **{
                f"last_{key}": value
                for key, value in points[-1].items()
                if key not in NO_SCORES and value is not None
            },
            "last_generator_step": points[-1]["generator_step"],
            "least_distinct_images": min(point["distinct_images"] for point in points),
        }
    if record["diverged_at_generator_step"] is not None:
        summary["diverged_at_generator_step"] = record["diverged_at_generator_step"]
    return summary | {"protocol": record["protocol"], "protocol_digest": digest}


def _find_best(points: list[dict[str, Any]], score: str, choose: Callable[..., Any]) -> dict[str, Any]:
    """Return the best value of a score and its generator step; nothing where the extractor does not give the score."""
    if points[0][score] is None:
        return {}
    best = choose(points, key=lambda point: point[score])
    return {f"best_{score}": best[score], f"best_{score}_generator_step": best["generator_step"]}
