import numpy as np

from stages.scores.distinct_images import count_distinct


def test_fifty_images_repeated_are_fifty_distinct_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 1, 8, 8), dtype=np.uint8)
    assert count_distinct(np.tile(images, (120, 1, 1, 1))) == 50


def test_images_that_differ_in_one_pixel_are_distinct() -> None:
    images = np.zeros((2, 1, 8, 8), dtype=np.uint8)
    assert count_distinct(images) == 1
    images[1, 0, 7, 7] = 1
    assert count_distinct(images) == 2
