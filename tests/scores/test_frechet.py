from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from stages.scores.frechet import frechet_distance
from stages.scores.moments import Moments, MomentsGatherer, read_moments, write_moments


def gather(features: NDArray[np.float32], batch_size: int = 7) -> Moments:
    gatherer = MomentsGatherer(features.shape[1])
    for start in range(0, len(features), batch_size):
        gatherer.add(features[start : start + batch_size])
    return gatherer.finish()


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
    assert frechet_distance(first, second) == pytest.approx(25.0, abs=1e-12)


def test_commuting_covariances_give_the_squared_distance_of_their_roots() -> None:
    # tr(C1 + C2 - 2 (C1 C2)^(1/2)) = (3 - 1)^2 + (2 - 5)^2 for diagonal roots (3, 2) and (1, 5).
    first, second = (
        Moments(9, np.zeros(2), np.diag([9.0, 4.0])),
        Moments(9, np.zeros(2), np.diag([1.0, 25.0])),
    )
    assert frechet_distance(first, second) == pytest.approx(13.0, abs=1e-12)


def test_the_distance_to_itself_is_nothing_and_the_order_does_not_matter() -> None:
    first, second = gather(make_features(0)), gather(make_features(1))
    assert frechet_distance(first, first) == pytest.approx(0.0, abs=1e-10)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-12)


def test_it_agrees_with_torch_fidelity_to_a_millionth() -> None:
    first, second = make_features(0), make_features(1)
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(torch.tensor(first)),
        fid_features_to_statistics(torch.tensor(second)),
        False,
    )["frechet_inception_distance"]
    assert frechet_distance(gather(first), gather(second)) == pytest.approx(theirs, rel=1e-6)


def test_a_covariance_without_full_rank_gives_a_real_number() -> None:
    # Eight features, of which four images can fill three at most: where a general matrix root turns complex.
    few, many = gather(make_features(0, count=4, dimension=8)), gather(make_features(1, dimension=8))
    distance = frechet_distance(few, many)
    assert np.isfinite(distance)
    assert distance == pytest.approx(frechet_distance(many, few), rel=1e-6)


def test_collapse_to_one_image_costs_more_than_losing_half_of_the_images() -> None:
    features = make_features(0)
    collapsed = np.repeat(features[:1], len(features), axis=0)
    real = gather(features)
    assert frechet_distance(real, gather(collapsed)) > 10 * frechet_distance(real, gather(features[::2]))


def test_other_features_are_refused() -> None:
    with pytest.raises(ValueError, match="moments of 12 and of 8 features cannot be compared"):
        frechet_distance(gather(make_features(0)), gather(make_features(1, dimension=8)))


@pytest.mark.parametrize("batch_size", [1, 7, 300])
def test_moments_gathered_in_batches_are_those_of_all_features(batch_size: int) -> None:
    features = make_features(0) + np.float32(1000.0)
    moments = gather(features, batch_size)
    exact = features.astype(np.float64)
    assert moments.image_count == 300
    np.testing.assert_allclose(moments.mean, exact.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(exact, rowvar=False), rtol=1e-9)


def test_moments_survive_their_file(tmp_path: Path) -> None:
    moments = gather(make_features(0))
    write_moments(tmp_path / "moments.safetensors", moments)
    read = read_moments(tmp_path / "moments.safetensors")
    assert read.image_count == moments.image_count
    assert np.array_equal(read.mean, moments.mean)
    assert np.array_equal(read.covariance, moments.covariance)


def test_moments_need_two_images() -> None:
    with pytest.raises(ValueError, match="at least 2 images, but there is 1"):
        gather(make_features(0, count=1))


def test_damaged_moments_name_the_stage_that_makes_them(tmp_path: Path) -> None:
    path = tmp_path / "moments.safetensors"
    with pytest.raises(ValueError, match="is missing; make it with `dvc repro reference`"):
        read_moments(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="is damaged .*`dvc repro -f reference`"):
        read_moments(path)
