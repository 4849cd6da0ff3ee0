import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch_fidelity.metric_kid import kid_features_to_metric

from stages.scores.kid import compute_kid, sum_real_kernel


def sample(seed: int, count: int, dimension: int = 6, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, dimension)) + shift


def estimate(real: NDArray[np.float64], fake: NDArray[np.float64]) -> float:
    """Compute the unbiased estimate by its definition, pair by pair."""
    dimension = real.shape[1]

    def mean(first: NDArray[np.float64], second: NDArray[np.float64], is_same: bool) -> float:
        values = [
            (float(x @ y) / dimension + 1.0) ** 3
            for i, x in enumerate(first)
            for j, y in enumerate(second)
            if not (is_same and i == j)
        ]
        return float(np.mean(values))

    return mean(real, real, True) + mean(fake, fake, True) - 2.0 * mean(real, fake, False)


def test_one_subset_of_all_images_is_the_estimate_by_its_definition() -> None:
    real, fake = sample(0, 30), sample(1, 30, shift=0.3)
    assert compute_kid(real, fake, subsets=1, size=30, seed=0).value == pytest.approx(
        estimate(real, fake), rel=1e-10
    )


def test_value_and_deviation_agree_with_torch_fidelity_from_the_same_seed() -> None:
    # More rows than are in memory at once. torch-fidelity draws from its first input first.
    real, fake = sample(0, 1100), sample(1, 700, shift=0.2)
    theirs = kid_features_to_metric(
        torch.tensor(real), torch.tensor(fake), kid_subsets=7, kid_subset_size=90, rng_seed=3, verbose=False
    )
    ours = compute_kid(real, fake, subsets=7, size=90, seed=3)
    assert ours.value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert ours.deviation == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-9)


def test_the_standard_error_is_that_of_leaving_each_image_out() -> None:
    real, fake = sample(0, 9), sample(1, 8, shift=0.5)
    left = [estimate(np.delete(real, i, 0), fake) for i in range(9)]
    right = [estimate(real, np.delete(fake, i, 0)) for i in range(8)]
    expected = np.sqrt(np.var(left) * 8 + np.var(right) * 7)
    assert compute_kid(real, fake, 1, 8, 0).standard_error == pytest.approx(expected, rel=1e-9)


def test_similar_sets_have_distance_zero_on_average_and_the_standard_error_is_their_spread() -> None:
    found = [compute_kid(sample(2 * i, 200), sample(2 * i + 1, 200), 20, 100, 0) for i in range(60)]
    values = np.array([one.value for one in found])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(60)
    assert (values < 0).any()
    assert 0.6 < np.mean([one.standard_error for one in found]) / values.std() < 1.7


def test_sums_that_are_already_known_change_nothing() -> None:
    real, fake = sample(0, 60), sample(1, 50)
    known = sum_real_kernel(real, 50, 4, 20, 0)
    assert compute_kid(real, fake, 4, 20, 0, known) == compute_kid(real, fake, 4, 20, 0)


def test_fewer_images_than_a_subset_are_refused() -> None:
    with pytest.raises(ValueError, match="KID: 19 generated images, but a subset has 20"):
        compute_kid(sample(0, 30), sample(1, 19), 4, 20, 0)


def test_features_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="features of 6 and of 5 numbers cannot be compared"):
        compute_kid(sample(0, 30), sample(1, 30, dimension=5), 4, 20, 0)
