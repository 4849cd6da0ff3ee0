"""Standard errors, FID's confidence interval, and the extrapolated FID."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stages.scores.fid_infinity import choose_counts, compute_fid_infinity
from stages.scores.fid_interval import (
    FidInterval,
    compute_fid_interval,
    compute_transport_map,
    covariance_power,
)
from stages.scores.frechet import compute_frechet_distance
from stages.scores.inception_score import compute_inception_score
from stages.scores.moments import Moments, compute_moments

DIMENSION = 6


def sample(random: np.random.Generator, count: int, shift: float = 0.4) -> NDArray[np.float64]:
    return np.maximum(random.normal(size=(count, DIMENSION)) * np.arange(1, DIMENSION + 1) + shift, 0.0)


def measure(real: Moments, features: NDArray[np.float64]) -> tuple[float, FidInterval]:
    fake = compute_moments(features)
    fid = compute_frechet_distance(real, fake)
    transport = compute_transport_map(covariance_power(real.covariance, 0.5), fake)
    return fid, compute_fid_interval(fid, real, fake, transport, features)


def test_the_standard_error_of_fid_is_the_spread_over_fresh_samples() -> None:
    random = np.random.default_rng(0)
    real = compute_moments(sample(random, 20_000, shift=0.0))
    found = [measure(real, sample(random, 500, shift=2.0)) for _ in range(200)]
    spread = float(np.std([fid for fid, _ in found], ddof=1))
    error = float(np.mean([interval.standard_error for _, interval in found]))
    assert error == pytest.approx(spread, rel=0.15)
    centre = float(np.mean([fid for fid, _ in found]))
    inside = np.mean([interval.low <= centre <= interval.high for _, interval in found])
    assert 0.9 <= inside <= 0.99


def test_the_transport_map_maps_one_covariance_to_the_other() -> None:
    random = np.random.default_rng(0)
    real, fake = compute_moments(sample(random, 500)), compute_moments(sample(random, 500) * 2.0)
    transport = compute_transport_map(covariance_power(real.covariance, 0.5), fake)
    np.testing.assert_allclose(transport @ fake.covariance @ transport, real.covariance, rtol=1e-8, atol=1e-8)


def test_an_interval_does_not_reach_below_zero() -> None:
    random = np.random.default_rng(0)
    features = sample(random, 50)
    _, interval = measure(compute_moments(features), features)
    assert interval.low == pytest.approx(0.0, abs=1e-9) and interval.low >= 0.0


def test_fid_infinity_removes_most_of_the_bias() -> None:
    random = np.random.default_rng(0)
    real = compute_moments(sample(random, 200_000))
    plain, extrapolated = [], []
    for seed in range(20):
        features = sample(random, 300)
        plain.append(compute_frechet_distance(real, compute_moments(features)))
        extrapolated.append(compute_fid_infinity(real, features, 15, seed))
    assert abs(np.mean(extrapolated)) < np.mean(plain) / 3


def test_the_smallest_number_of_images_is_a_tenth_of_all_but_more_than_the_features() -> None:
    assert list(choose_counts(50_000, 2048, 3)) == [5000, 27_500, 50_000]
    assert choose_counts(6000, 2048, 15)[0] == 2049


def test_fid_infinity_of_too_few_images_is_refused() -> None:
    with pytest.raises(ValueError, match="FID-infinity: 4000 images, but with 2048 features it needs 4098"):
        choose_counts(4000, 2048, 15)


def test_the_standard_error_of_the_inception_score_is_over_its_splits() -> None:
    logits = np.random.default_rng(0).normal(size=(400, 5)) * 3
    score = compute_inception_score(logits, splits=4, shuffle_seed=0)
    # The population deviation over sqrt(splits - 1) is the sample deviation over sqrt(splits).
    assert score.standard_error == pytest.approx(score.deviation / np.sqrt(3), rel=1e-12)
    assert compute_inception_score(logits, splits=1, shuffle_seed=0).standard_error is None
