"""Precision, recall, density and coverage, compared with their definitions and torch-fidelity."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch_fidelity.metric_prc import prc_features_to_metric

from stages.scores.density_coverage import compute_density_coverage
from stages.scores.neighbours import centre, compute_radii
from stages.scores.precision_recall import compute_precision_recall


def sample(seed: int, count: int, dimension: int = 5, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, dimension)) + shift


REAL, FAKE = sample(0, 700), sample(1, 620, shift=0.8)


def distances_between(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.linalg.norm(first[:, None] - second[None], axis=2)
    return distances


def test_precision_and_recall_agree_with_torch_fidelity() -> None:
    theirs = prc_features_to_metric(
        torch.tensor(FAKE), torch.tensor(REAL), prc_neighborhood=3, prc_batch_size=1000, verbose=False
    )
    ours = compute_precision_recall(REAL, FAKE, 3)
    assert ours.precision == pytest.approx(theirs["precision"], abs=1e-7)
    assert ours.recall == pytest.approx(theirs["recall"], abs=1e-7)
    assert ours.precision != ours.recall


def test_density_and_coverage_are_those_of_their_definition() -> None:
    radii = np.sort(distances_between(REAL, REAL), axis=1)[:, 5]
    is_within = distances_between(REAL, FAKE) <= radii[:, None]
    ours = compute_density_coverage(REAL, FAKE, 5)
    assert ours.density == pytest.approx(is_within.sum() / (5 * len(FAKE)), rel=1e-12)
    assert ours.coverage == pytest.approx(is_within.any(axis=1).mean(), rel=1e-12)


def test_samples_of_one_distribution_have_the_expected_density_and_coverage() -> None:
    found = compute_density_coverage(sample(0, 2000), sample(1, 2000), 5)
    assert found.density == pytest.approx(1.0, abs=0.05)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.015)


def test_an_image_repeated_is_precise_and_recalls_nothing() -> None:
    repeated = np.repeat(REAL[:1], 600, axis=0)
    near, dense = compute_precision_recall(REAL, repeated, 3), compute_density_coverage(REAL, repeated, 5)
    assert near.precision == 1.0
    # The balls around the copies have radius 0, and only the same image lies in them.
    assert near.recall == pytest.approx(1 / len(REAL))
    assert dense.coverage < 0.05


def test_distant_sets_have_scores_of_zero() -> None:
    far = FAKE + 100.0
    assert compute_precision_recall(REAL, far, 3) == (0.0, 0.0)
    assert compute_density_coverage(REAL, far, 5) == (0.0, 0.0)


def test_a_far_outlier_among_real_images_raises_precision_but_hardly_density() -> None:
    # Naeem et al. 2020, section 3.1: balls around outliers are wide.
    outliers = np.concatenate([REAL, sample(2, 10) * 30])
    between = sample(3, 600, shift=6.0)
    assert compute_precision_recall(REAL, between, 3).precision < 0.05
    assert compute_precision_recall(outliers, between, 3).precision > 0.9
    assert compute_density_coverage(outliers, between, 3).density < 4.0


def test_radii_that_are_already_known_change_nothing() -> None:
    radii = compute_radii(centre(REAL, FAKE)[0], 3)
    assert compute_precision_recall(REAL, FAKE, 3, radii) == compute_precision_recall(REAL, FAKE, 3)


def test_fewer_than_ten_images_a_neighbour_are_refused() -> None:
    with pytest.raises(ValueError, match="precision and recall: 29 generated images, .* needs 30 or more"):
        compute_precision_recall(REAL, FAKE[:29], 3)
    with pytest.raises(ValueError, match="density and coverage: 49 real images, .* needs 50 or more"):
        compute_density_coverage(REAL[:49], FAKE, 5)


def test_features_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="features of 5 and of 4 numbers cannot be compared"):
        compute_precision_recall(REAL, FAKE[:, :4], 3)
