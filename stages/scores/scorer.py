"""Compare generated images with real ones by every score, doing once what is the same for all generated ones."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.density_coverage import density_coverage
from stages.scores.feature_statistics import Features, FeatureStatistics
from stages.scores.fid_error import fid_interval, find_transport, raise_covariance
from stages.scores.fid_infinity import fid_infinity
from stages.scores.frechet import compute_frechet_distance
from stages.scores.kid import KernelSums, kid, sum_within_real
from stages.scores.moments import Moments
from stages.scores.neighbours import Matrix, centre, find_radii
from stages.scores.params import ScoresParams
from stages.scores.precision_recall import precision_recall

Scores = dict[str, float | None]


class ReferenceStatistics(NamedTuple):
    """Real images, as scores take them.

    Attributes:
        split: which they are.
        moments: of all of them, for FID.
        features: float32 [compared_count, D], of those that the other scores compare with.
    """

    split: str
    moments: Moments
    features: Features


class Scorer:
    """Real images that sets of generated ones are compared with, one after the other."""

    def __init__(self, real: ReferenceStatistics, params: ScoresParams) -> None:
        """Take the real images.

        Args:
            real: as scores take them.
            params: how to score.

        Raises:
            ValueError: there are not as many features as the params compare.
        """
        if len(real.features) != params.compared_count:
            raise ValueError(
                f"features of {len(real.features)} real images are kept, but scores.compared_count = "
                f"{params.compared_count}; make them anew: `dvc repro -f reference`"
            )
        self.real = real
        self.params = params

    def score(self, statistics: FeatureStatistics) -> Scores:
        """Give every score of a set of generated images, by its name in files; None where it has no value."""
        score = statistics.inception_score
        return {
            "inception_score": score.mean,
            "inception_score_deviation": score.deviation,
            "inception_score_standard_error": score.standard_error,
            **self._compare_moments(statistics),
            **self._compare_features(statistics.features[: self.params.compared_count]),
        }

    def _compare_moments(self, statistics: FeatureStatistics) -> Scores:
        real = self.real.moments
        fid = compute_frechet_distance(real, statistics.moments)
        transport = find_transport(self._real_root, statistics.moments)
        interval = fid_interval(
            fid, real, statistics.moments, transport, statistics.features[: statistics.moments.image_count]
        )
        scores: Scores = {
            "fid": fid,
            "fid_standard_error": interval.standard_error,
            "fid_low": interval.low,
            "fid_high": interval.high,
        }
        if self.params.fid_infinity_points:
            features = statistics.features[: statistics.moments.image_count]
            points, seed = self.params.fid_infinity_points, self.params.shuffle_seed
            scores["fid_infinity"] = fid_infinity(real, features, points, seed)
        return scores

    def _compare_features(self, fake: NDArray[np.floating]) -> Scores:
        real, params = self.real.features, self.params
        found = kid(
            real, fake, params.kid_subsets, params.kid_subset_size, params.shuffle_seed, self._within_real
        )
        few, many = params.precision_recall_neighbours, params.density_coverage_neighbours
        near = precision_recall(real, fake, few, self._find_radii(few))
        dense = density_coverage(real, fake, many, self._find_radii(many))
        scores: Scores = {
            "kid": found.value,
            "kid_deviation": found.deviation,
            "kid_standard_error": found.standard_error,
        }
        return scores | near._asdict() | dense._asdict()

    @cached_property
    def _real_root(self) -> Matrix:
        return raise_covariance(self.real.moments.covariance, 0.5)

    @cached_property
    def _within_real(self) -> KernelSums:
        params = self.params
        return sum_within_real(
            self.real.features,
            params.compared_count,
            params.kid_subsets,
            params.kid_subset_size,
            params.shuffle_seed,
        )

    @cached_property
    def _radii(self) -> dict[int, Matrix]:
        return {}

    def _find_radii(self, neighbours: int) -> Matrix:
        if neighbours not in self._radii:
            centred, _ = centre(self.real.features, self.real.features[:1])
            self._radii[neighbours] = find_radii(centred, neighbours)
        return self._radii[neighbours]
