"""Precision, recall, density and coverage, held against their definitions and torch-fidelity."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch_fidelity.metric_prc import prc_features_to_metric

from stages.scores.density_coverage import density_coverage
from stages.scores.neighbours import centre, find_radii
from stages.scores.precision_recall import precision_recall


def draw(seed: int, count: int, dimension: int = 5, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, dimension)) + shift


REAL, FAKE = draw(0, 700), draw(1, 620, shift=0.8)


def measure(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.linalg.norm(first[:, None] - second[None], axis=2)
    return distances


def test_precision_and_recall_agree_with_torch_fidelity() -> None:
    theirs = prc_features_to_metric(
        torch.tensor(FAKE), torch.tensor(REAL), prc_neighborhood=3, prc_batch_size=1000, verbose=False
    )
    ours = precision_recall(REAL, FAKE, 3)
    assert ours.precision == pytest.approx(theirs["precision"], abs=1e-7)
    assert ours.recall == pytest.approx(theirs["recall"], abs=1e-7)
    assert ours.precision != ours.recall


def test_density_and_coverage_are_those_of_their_definition() -> None:
    radii = np.sort(measure(REAL, REAL), axis=1)[:, 5]
    is_within = measure(REAL, FAKE) <= radii[:, None]
    ours = density_coverage(REAL, FAKE, 5)
    assert ours.density == pytest.approx(is_within.sum() / (5 * len(FAKE)), rel=1e-12)
    assert ours.coverage == pytest.approx(is_within.any(axis=1).mean(), rel=1e-12)


def test_like_sets_have_the_expected_density_and_coverage() -> None:
    found = density_coverage(draw(0, 2000), draw(1, 2000), 5)
    assert found.density == pytest.approx(1.0, abs=0.05)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.015)


def test_an_image_repeated_is_precise_and_recalls_nothing() -> None:
    repeated = np.repeat(REAL[:1], 600, axis=0)
    near, dense = precision_recall(REAL, repeated, 3), density_coverage(REAL, repeated, 5)
    assert near.precision == 1.0
    # The copies' balls have no width, and only the very image lies in them.
    assert near.recall == pytest.approx(1 / len(REAL))
    assert dense.coverage < 0.05


def test_sets_far_apart_share_nothing() -> None:
    far = FAKE + 100.0
    assert precision_recall(REAL, far, 3) == (0.0, 0.0)
    assert density_coverage(REAL, far, 5) == (0.0, 0.0)


def test_a_far_outlier_among_real_images_raises_precision_but_hardly_density() -> None:
    # Naeem et al. 2020, section 3.1: balls around outliers are wide.
    outliers = np.concatenate([REAL, draw(2, 10) * 30])
    between = draw(3, 600, shift=6.0)
    assert precision_recall(REAL, between, 3).precision < 0.05
    assert precision_recall(outliers, between, 3).precision > 0.9
    assert density_coverage(outliers, between, 3).density < 4.0


def test_radii_known_already_change_nothing() -> None:
    radii = find_radii(centre(REAL, FAKE)[0], 3)
    assert precision_recall(REAL, FAKE, 3, radii) == precision_recall(REAL, FAKE, 3)


def test_fewer_than_ten_images_a_neighbour_are_refused() -> None:
    with pytest.raises(ValueError, match="precision and recall: 29 generated images, .* among 30 or more"):
        precision_recall(REAL, FAKE[:29], 3)
    with pytest.raises(ValueError, match="density and coverage: 49 real images, .* among 50 or more"):
        density_coverage(REAL[:49], FAKE, 5)


def test_features_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="features of 5 and of 4 numbers cannot be compared"):
        precision_recall(REAL, FAKE[:, :4], 3)
