import pytest

from stages.scores.card import Card
from stages.scores.params import ScoresParams
from stages.scores.protocol import (
    COUNTS,
    Protocol,
    ReferenceSet,
    check_same_protocol,
    describe_protocol,
    list_differences,
)

CARD = Card(
    name="inception",
    title="a test's",
    feature_dimension=2048,
    class_count=1008,
    image_shape=None,
    width=None,
    precision="float32",
    weights_sha256="a" * 64,
    file_sha256="b" * 64,
    test_accuracy=None,
    train_count=None,
    test_count=None,
)
NUMBERS = {
    "splits": 10,
    "shuffle_seed": 0,
    "fid_sample_count": 5000,
    "fid_infinity_points": 0,
    "compared_count": 1000,
    "kid_subsets": 100,
    "kid_subset_size": 500,
    "precision_recall_neighbours": 3,
    "density_coverage_neighbours": 5,
}


def describe(**changes: int | None) -> Protocol:
    params = ScoresParams.model_validate(NUMBERS | changes)
    return describe_protocol(CARD, params, ReferenceSet(split="train", count=10_000, sha256="c" * 64), 50_000)


def test_a_protocol_holds_the_numbers_of_images_and_the_resize() -> None:
    protocol = describe()
    assert (protocol.sample_count, protocol.fid_sample_count, protocol.reference_count) == (
        50_000,
        5000,
        10_000,
    )
    assert (protocol.resize, protocol.precision) == ("tensorflow1_bilinear_299", "float32")
    assert describe(fid_sample_count=None).fid_sample_count == 50_000


@pytest.mark.parametrize("name", list(NUMBERS))
def test_any_change_changes_the_digest_and_is_named(name: str) -> None:
    before = describe()
    changed = NUMBERS[name] - 1 if name not in ("shuffle_seed", "fid_infinity_points") else 15
    after = describe(**{name: changed})
    assert before.digest == describe().digest != after.digest
    assert list_differences(before.model_dump(), after.model_dump()) == [
        f"{name} is {NUMBERS[name]} in one and {changed} in the other"
    ]


def test_real_images_are_known_by_their_content_and_not_by_their_path() -> None:
    def describe_reference(split: str, sha256: str) -> Protocol:
        reference = ReferenceSet(split=split, count=10_000, sha256=sha256)
        return describe_protocol(CARD, ScoresParams.model_validate(NUMBERS), reference, 50_000)

    here, there, other = (describe_reference(*pair) for pair in (("a", "1"), ("b", "1"), ("a", "2")))
    assert here.digest == there.digest != other.digest
    assert list_differences(here.model_dump(), there.model_dump()) == []
    assert list_differences(here.model_dump(), other.model_dump()) == [
        "reference_sha256 is 1 in one and 2 in the other"
    ]


def test_scores_with_different_protocols_are_refused_with_every_field_and_both_values() -> None:
    first, second = describe().model_dump(), describe(splits=5, kid_subsets=50).model_dump()
    with pytest.raises(
        ValueError,
        match="of a.json .one. and b.json .the other. are not comparable: splits is 10 in one and 5 in the other; "
        "kid_subsets is 100 in one and 50 in the other; make both anew",
    ):
        check_same_protocol(first, second, ("a.json", "b.json"), "make both anew")


def test_a_field_that_an_older_record_lacks_is_a_difference() -> None:
    newer = describe().model_dump()
    older = {key: value for key, value in newer.items() if key != "resize"}
    assert list_differences(older, newer) == [
        "resize is nothing in one and tensorflow1_bilinear_299 in the other"
    ]


def test_only_ignored_fields_may_differ() -> None:
    first = describe().model_dump()
    check_same_protocol(
        first, first | {"sample_count": 7, "fid_sample_count": 7}, ("a", "b"), "-", ignored=COUNTS
    )
    with pytest.raises(ValueError, match="splits is 10 in one and 2"):
        check_same_protocol(first, first | {"splits": 2}, ("a", "b"), "-", ignored=COUNTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kid_subset_size": 1001}, "kid_subset_size = 1001 is more than compared_count = 1000"),
        (
            {"density_coverage_neighbours": 101},
            "compared_count = 1000 is too few for density_coverage_neighbours",
        ),
        ({"fid_infinity_points": 1}, "fid_infinity_points = 1: a line needs 2 points"),
    ],
)
def test_contradictory_params_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        describe(**changes)
