from typing import Any

from stages.evaluate.summary import summarise_points

PROTOCOL = {
    "extractor": "classifier",
    "weights_sha256": "0" * 64,
    "splits": 10,
    "reference_split": "train",
    "reference_count": 100,
    "sample_count": 50,
}


def point(step: int, score: float, fid: float, distinct: int = 50) -> dict[str, Any]:
    return {"generator_step": step, "inception_score": score, "fid": fid, "distinct_images": distinct}


def test_best_is_the_highest_inception_score_and_the_lowest_fid_and_last_is_the_last() -> None:
    points = [point(10, 2.0, 90.0, 49), point(20, 3.0, 70.0), point(30, 2.5, 80.0)]
    summary = summarise_points(
        {"points": points, "diverged_at_generator_step": None, "protocol": PROTOCOL}, "d1"
    )
    assert (summary["best_inception_score"], summary["best_inception_score_generator_step"]) == (3.0, 20)
    assert (summary["best_fid"], summary["best_fid_generator_step"]) == (70.0, 20)
    assert (summary["last_inception_score"], summary["last_fid"], summary["last_generator_step"]) == (
        2.5,
        80.0,
        30,
    )
    assert summary["least_distinct_images"] == 49
    assert "diverged_at_generator_step" not in summary


def test_a_trial_without_points_has_no_scores_but_says_where_it_diverged() -> None:
    summary = summarise_points({"points": [], "diverged_at_generator_step": 7, "protocol": PROTOCOL}, "d1")
    assert summary == {"diverged_at_generator_step": 7, "protocol": PROTOCOL, "protocol_digest": "d1"}


def test_a_score_that_the_extractor_does_not_give_is_left_out() -> None:
    points = [
        point(10, 0.0, 90.0) | {"inception_score": None},
        point(20, 0.0, 70.0) | {"inception_score": None},
    ]
    summary = summarise_points(
        {"points": points, "diverged_at_generator_step": None, "protocol": PROTOCOL}, "d1"
    )
    assert not [key for key in summary if "inception_score" in key]
    assert (summary["best_fid"], summary["last_fid"]) == (70.0, 70.0)
