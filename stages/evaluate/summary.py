"""Summarise the scores of a trial's snapshots as flat numbers, for `dvc metrics`."""

from typing import Any

NO_SCORES = ("generator_step", "discriminator_steps", "epoch", "distinct_images")


def summarise_points(record: dict[str, Any], digest: str) -> dict[str, Any]:
    """Return the best Inception Score and FID and the last value of every score, with their generator steps.

    Args:
        record: the content of points.json.
        digest: the digest of its protocol.

    Returns:
        Flat numbers, and the protocol with its digest. A trial without points has no scores, only the step at which it
        diverged.
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
