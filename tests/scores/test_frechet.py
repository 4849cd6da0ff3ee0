from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from stages.scores.frechet import compute_frechet_distance
from stages.scores.moments import (
    LEAST_ROWS_AT_A_TIME,
    Moments,
    StreamingMoments,
    read_moments,
    write_moments,
)


def to_moments(features: NDArray[np.float32], batch_size: int = 7) -> Moments:
    streaming = StreamingMoments(features.shape[1])
    for start in range(0, len(features), batch_size):
        streaming.add(features[start : start + batch_size])
    return streaming.finish()


def make_features(seed: int, count: int = 300, dimension: int = 12) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimension, dimension))
    return (random.normal(size=(count, dimension)) @ mixing + random.normal(size=dimension)).astype(
        np.float32
    )


def test_equal_covariances_leave_the_squared_distance_of_the_means() -> None:
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    first, second = (
        Moments(9, np.array([1.0, 2.0]), covariance),
        Moments(9, np.array([4.0, -2.0]), covariance),
    )
    assert compute_frechet_distance(first, second) == pytest.approx(25.0, abs=1e-12)


def test_commuting_covariances_have_the_squared_distance_of_their_roots() -> None:
    # tr(C1 + C2 - 2 (C1 C2)^(1/2)) = (3 - 1)^2 + (2 - 5)^2 for diagonal roots (3, 2) and (1, 5).
    first, second = (
        Moments(9, np.zeros(2), np.diag([9.0, 4.0])),
        Moments(9, np.zeros(2), np.diag([1.0, 25.0])),
    )
    assert compute_frechet_distance(first, second) == pytest.approx(13.0, abs=1e-12)


def test_the_distance_to_itself_is_zero_and_the_order_does_not_matter() -> None:
    first, second = to_moments(make_features(0)), to_moments(make_features(1))
    assert compute_frechet_distance(first, first) == pytest.approx(0.0, abs=1e-10)
    assert compute_frechet_distance(first, second) == pytest.approx(
        compute_frechet_distance(second, first), rel=1e-12
    )


def test_it_agrees_with_torch_fidelity_to_a_millionth() -> None:
    first, second = make_features(0), make_features(1)
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(torch.tensor(first)),
        fid_features_to_statistics(torch.tensor(second)),
        False,
    )["frechet_inception_distance"]
    assert compute_frechet_distance(to_moments(first), to_moments(second)) == pytest.approx(theirs, rel=1e-6)


def test_the_distance_to_a_covariance_without_full_rank_is_a_real_number() -> None:
    # The covariance of four images has a rank of three at most, and a general matrix root would be complex.
    few, many = (
        to_moments(make_features(0, count=4, dimension=8)),
        to_moments(make_features(1, dimension=8)),
    )
    distance = compute_frechet_distance(few, many)
    assert np.isfinite(distance)
    assert distance == pytest.approx(compute_frechet_distance(many, few), rel=1e-6)


def test_few_images_are_compared_exactly() -> None:
    # Against singular values of the centred features, in 50 digits.
    few, more = make_features(0, count=5, dimension=8), make_features(1, count=7, dimension=8)
    exact = distance_in_fifty_digits(few, more)
    assert to_moments(few).factor is not None
    assert compute_frechet_distance(to_moments(few), to_moments(more)) == pytest.approx(exact, rel=1e-13)
    assert compute_frechet_distance(to_moments(few), to_moments(few)) == pytest.approx(0.0, abs=1e-12)


def test_few_images_against_many_are_compared_exactly() -> None:
    few, many = make_features(0, count=5, dimension=8), make_features(1, count=40, dimension=8)
    exact = distance_in_fifty_digits(few, many)
    assert compute_frechet_distance(to_moments(few), to_moments(many)) == pytest.approx(exact, rel=1e-13)
    assert compute_frechet_distance(to_moments(many), to_moments(few)) == pytest.approx(exact, rel=1e-13)


def distance_in_fifty_digits(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    with mpmath.workdps(50):
        (mean1, factor1), (mean2, factor2) = (centre_in_fifty_digits(part) for part in (first, second))
        crossed = factor1 * factor2.T
        # Two of the eigenvalues are 0 to 50 digits, so that their roots are 0 to 25.
        eigenvalues = mpmath.eigsy(crossed * crossed.T, eigvals_only=True)
        trace = mpmath.fsum(mpmath.sqrt(abs(value)) for value in eigenvalues)
        squares = [mpmath.fsum(value**2 for value in part) for part in (mean1 - mean2, factor1, factor2)]
        return float(mpmath.fsum(squares) - 2 * trace)


def centre_in_fifty_digits(features: NDArray[np.float32]) -> tuple[Any, Any]:
    rows = mpmath.matrix(features.astype(np.float64).tolist())
    mean = mpmath.ones(1, rows.rows) * rows / rows.rows
    return mean, (rows - mpmath.ones(rows.rows, 1) * mean) / mpmath.sqrt(rows.rows - 1)


@pytest.mark.parametrize("decades", [2, 6, 8, 12, 16])
def test_spectra_over_many_decades_agree_with_the_closed_form(decades: int) -> None:
    # Covariances that commute: the distance is that of the roots of their eigenvalues.
    random = np.random.default_rng(0)
    axes = np.linalg.qr(random.normal(size=(64, 64)))[0]
    spectrum = 10.0 ** (-decades * np.arange(64) / 64)
    other = spectrum * random.uniform(1.0, 2.0, 64)
    exact = ((np.sqrt(spectrum) - np.sqrt(other)) ** 2).sum()
    first, second = (Moments(99, np.zeros(64), (axes * values) @ axes.T) for values in (spectrum, other))
    assert compute_frechet_distance(first, second) == pytest.approx(exact, rel=1e-10)
    assert compute_frechet_distance(first, first) == pytest.approx(0.0, abs=1e-12)


def test_fifty_images_each_repeated_are_compared_as_the_fifty() -> None:
    # More images than features, but their covariance has the rank of five images.
    few, many = make_features(0, count=5, dimension=16), to_moments(make_features(1, dimension=16))
    repeated, distinct = to_moments(np.repeat(few, 12, axis=0)), to_moments(few)
    same = Moments(60, distinct.mean, factor=factor_of(distinct) * np.sqrt(4 * 12 / 59))
    assert repeated.factor is None
    assert compute_frechet_distance(repeated, many) == pytest.approx(
        compute_frechet_distance(same, many), rel=1e-10
    )
    assert compute_frechet_distance(many, repeated) == pytest.approx(
        compute_frechet_distance(same, many), rel=1e-10
    )


def factor_of(moments: Moments) -> NDArray[np.float64]:
    assert moments.factor is not None
    return moments.factor


def test_it_agrees_with_the_matrix_root_that_pytorch_fid_computes() -> None:
    first, second = to_moments(make_features(0)), to_moments(make_features(1))
    root = sqrtm(first.covariance @ second.covariance)
    shift = first.mean - second.mean
    theirs = shift @ shift + np.trace(first.covariance + second.covariance - 2 * root.real)
    assert compute_frechet_distance(first, second) == pytest.approx(theirs, rel=1e-10)


def test_collapse_to_one_image_costs_more_than_losing_half_of_the_images() -> None:
    features = make_features(0)
    collapsed = np.repeat(features[:1], len(features), axis=0)
    real = to_moments(features)
    assert compute_frechet_distance(real, to_moments(collapsed)) > 10 * compute_frechet_distance(
        real, to_moments(features[::2])
    )


def test_other_features_are_refused() -> None:
    with pytest.raises(ValueError, match="moments of 12 and of 8 features cannot be compared"):
        compute_frechet_distance(to_moments(make_features(0)), to_moments(make_features(1, dimension=8)))


@pytest.mark.parametrize("batch_size", [1, 7, 300])
def test_moments_computed_in_batches_are_those_of_all_features(batch_size: int) -> None:
    features = make_features(0) + np.float32(1000.0)
    moments = to_moments(features, batch_size)
    exact = features.astype(np.float64)
    assert moments.image_count == 300
    np.testing.assert_allclose(moments.mean, exact.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(exact, rowvar=False), rtol=1e-9)


@pytest.mark.parametrize("count", [2, 5, 12])
def test_no_more_images_than_features_keep_a_factor_of_the_covariance(count: int) -> None:
    features = make_features(0, count=count) + np.float32(1000.0)
    moments = to_moments(features)
    assert factor_of(moments).shape == (count - 1, 12)
    exact = np.cov(features.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(moments.covariance, exact, rtol=1e-9, atol=1e-12)
    assert moments.total_variance() == pytest.approx(np.trace(exact), rel=1e-12)


def test_moments_of_more_images_than_a_chunk_holds_are_those_of_all() -> None:
    features = make_features(0, count=2 * LEAST_ROWS_AT_A_TIME + 9)
    moments = to_moments(features, batch_size=2 * LEAST_ROWS_AT_A_TIME)
    np.testing.assert_allclose(
        moments.covariance, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-9
    )
    assert np.array_equal(moments.covariance, moments.covariance.T)


@pytest.mark.parametrize("count", [12, 300])
def test_moments_are_read_as_they_were_written(tmp_path: Path, count: int) -> None:
    moments = to_moments(make_features(0, count=count))
    write_moments(tmp_path / "moments.safetensors", moments)
    read = read_moments(tmp_path / "moments.safetensors")
    assert read.image_count == moments.image_count
    assert np.array_equal(read.mean, moments.mean)
    assert (read.factor is None) == (moments.factor is None) == (count == 300)
    assert np.array_equal(read.covariance, moments.covariance)


def test_moments_need_two_images() -> None:
    with pytest.raises(ValueError, match="at least 2 images, but there is 1"):
        to_moments(make_features(0, count=1))


def test_damaged_moments_name_the_stage_that_makes_them(tmp_path: Path) -> None:
    path = tmp_path / "moments.safetensors"
    with pytest.raises(ValueError, match="is missing; make it with `dvc repro reference`"):
        read_moments(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="is damaged .*`dvc repro -f reference`"):
        read_moments(path)


def test_features_that_do_not_fit_or_are_not_finite_are_refused() -> None:
    streaming = StreamingMoments(12)
    streaming.add(make_features(0, count=7))
    with pytest.raises(ValueError, match=r"features \[7, 8\] do not fit, expected \[N, 12\]"):
        streaming.add(make_features(0, count=7, dimension=8))
    features = make_features(1, count=7)
    features[2, 5] = np.nan
    with pytest.raises(ValueError, match=r"features of image 9 \(counted from 0\) are not finite"):
        streaming.add(features)
