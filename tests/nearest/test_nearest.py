"""Nearest vectors over all parts, which samples are suspicious, and which held-out images are compared with."""

import numpy as np
import pytest
import torch

from stages.common.params import load_section
from stages.nearest.comparison import choose_evenly_spaced
from stages.nearest.params import NeighboursParams
from stages.nearest.search import NearestNeighbourSearch
from stages.nearest.spaces import Neighbours
from stages.nearest.summary import summarise_spaces
from tests.scores.factories import make_images


def test_the_nearest_vector_is_found_over_all_parts() -> None:
    search = NearestNeighbourSearch(torch.tensor([[0.0, 0.0], [10.0, 0.0]]))
    search.add(torch.tensor([[3.0, 4.0], [9.0, 0.0]]))
    search.add(torch.tensor([[0.0, 2.0], [10.0, 7.0]]))
    assert search.indices.tolist() == [2, 1]
    assert search.distances.tolist() == [2.0, 1.0]


def test_a_copy_is_at_distance_zero_and_the_first_among_equals() -> None:
    vectors = torch.from_numpy(make_images(50, 0).reshape(50, -1).astype(np.float32))
    search = NearestNeighbourSearch(vectors[[7]])
    search.add(vectors)
    search.add(vectors)
    assert (search.indices.tolist(), search.distances.tolist()) == ([7], [0.0])


def test_samples_nearer_than_held_out_images_are_suspicious() -> None:
    indices = np.zeros(100, dtype=np.int64)
    held_out = Neighbours(indices, np.arange(1.0, 101.0))
    # The 1 % quantile of 1..100 is 1.99.
    samples = Neighbours(indices[:4], np.array([0.0, 1.5, 2.0, 60.0]))
    summary = summarise_spaces({"pixels": samples}, {"pixels": held_out})["pixels"]
    assert summary == {
        "median_distance": 1.75,
        "least_distance": 0.0,
        "held_out_median_distance": 50.5,
        "held_out_low_distance": pytest.approx(1.99),
        "suspicious_share": 0.5,
    }


def test_images_are_chosen_evenly_over_a_split() -> None:
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    assert choose_evenly_spaced(images, 4).ravel().tolist() == [0, 3, 6, 9]
    assert choose_evenly_spaced(images, 99).ravel().tolist() == list(range(10))


def test_more_images_cannot_be_shown_than_are_searched_for() -> None:
    with pytest.raises(ValueError, match="shown = 9 is more than sample_count = 8"):
        load_section(
            NeighboursParams,
            "neighbours",
            content={"neighbours": {"sample_count": 8, "real_count": 2, "shown": 9}},
        )
