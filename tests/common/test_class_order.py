import numpy as np

from stages.common.class_order import round_robin_order


def test_the_classes_alternate_until_each_has_no_image_left() -> None:
    labels = np.array([1, 1, 0, 0, 0, 2])
    assert round_robin_order(labels).tolist() == [2, 0, 5, 3, 1, 4]


def test_no_images_have_an_empty_order() -> None:
    assert round_robin_order(np.zeros(0, dtype=np.int64)).tolist() == []
