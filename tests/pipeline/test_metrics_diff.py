from pipeline.metrics_diff import find_protocol_changes

FILE = "results/evaluate/sngan-A-0/metrics.json"


def test_a_changed_field_of_a_protocol_is_named_with_both_values() -> None:
    changes = {"best_fid": {"old": 9.0, "new": 8.0}, "protocol.splits": {"old": 10, "new": 5}}
    assert find_protocol_changes({FILE: changes}) == [f"{FILE}: splits was 10 and is 5"]


def test_scores_under_one_protocol_compare_and_each_is_named_once() -> None:
    assert find_protocol_changes({FILE: {"best_fid": {"old": 9.0, "new": 8.0}}}) == []
    assert (
        find_protocol_changes({"results/evaluate/a/points.json": {"protocol.x": {"old": 1, "new": 2}}}) == []
    )


def test_a_field_that_only_one_of_the_protocols_has_is_a_change() -> None:
    changes = {
        "best_fid": {"old": 9.0, "new": 8.0},
        "protocol.reference_sha256": {"old": None, "new": "ab"},
        "protocol.fid_infinity_points": {"old": 15, "new": 0},
    }
    assert find_protocol_changes({FILE: changes}) == [
        f"{FILE}: reference_sha256 was nothing and is ab; fid_infinity_points was 15 and is 0"
    ]


def test_a_new_trial_has_nothing_to_compare_with() -> None:
    assert find_protocol_changes({FILE: {"protocol.splits": {"old": None, "new": 5}}}) == []
