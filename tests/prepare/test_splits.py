"""The test split by hash, and the images that are kept under a limit."""

import numpy as np
import pytest

from stages.prepare.splits import choose_balanced, choose_test_images


def test_a_sixth_of_every_class_is_the_test_split() -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 2])
    is_test = choose_test_images([f"{index}.png" for index in range(92)], labels)
    assert np.bincount(labels[is_test]).tolist() == [10, 5, 1]


def test_the_test_split_depends_on_names_and_not_on_their_order() -> None:
    names = [f"{index}.png" for index in range(30)]
    labels = np.zeros(30, dtype=np.int64)
    forwards = {name for name, chosen in zip(names, choose_test_images(names, labels), strict=True) if chosen}
    names.reverse()
    backwards = {
        name for name, chosen in zip(names, choose_test_images(names, labels), strict=True) if chosen
    }
    assert forwards == backwards


def test_the_test_split_is_the_same_in_every_version() -> None:
    names = [f"cat/{index}.png" for index in range(12)]
    assert np.flatnonzero(choose_test_images(names, np.zeros(12, dtype=np.int64))).tolist() == [8, 10]


def test_one_more_image_moves_at_most_one_other() -> None:
    names = [f"{index}.png" for index in range(61)]
    labels = np.zeros(61, dtype=np.int64)
    before = choose_test_images(names[:60], labels[:60])
    after = choose_test_images(names, labels)[:60]
    assert np.count_nonzero(before != after) <= 1


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, [0, 1, 2, 3, 4, 5]),
        (9, [0, 1, 2, 3, 4, 5]),
        (1, [0]),
        (2, [0, 3]),
        (3, [0, 1, 3]),
        (5, [0, 1, 2, 3, 5]),
    ],
)
def test_a_limit_keeps_as_many_images_of_each_class(limit: int | None, expected: list[int]) -> None:
    labels = np.array([0, 0, 0, 1, 0, 1])
    assert choose_balanced(labels, limit).tolist() == expected
