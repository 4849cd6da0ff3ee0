"""Compute every score of generated images; values that depend only on the real images are computed once."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.scores.density_coverage import compute_density_coverage
from stages.scores.feature_statistics import FeatureStatistics
from stages.scores.features import Matrix
from stages.scores.fid_infinity import compute_fid_infinity
from stages.scores.fid_interval import compute_fid_interval, compute_transport_map, covariance_power
from stages.scores.frechet import compute_frechet_distance
from stages.scores.further_scores import FurtherScorer, Scores
from stages.scores.kid import KernelSums, compute_kid, sum_real_kernel
from stages.scores.neighbours import centre, compute_radii
from stages.scores.params import ScoresParams
from stages.scores.precision_recall import compute_precision_recall
from stages.scores.reference_statistics import ReferenceStatistics


class Scorer:
    """A scorer of sets of generated images against the same real images."""

    def __init__(self, real: ReferenceStatistics, params: ScoresParams) -> None:
        """Make a scorer.

        Args:
            real: the statistics of the real images.
            params: the parameters of the scores.

        Raises:
            InputError: the number of real features is not `compared_count`.
        """
        if len(real.features) != params.compared_count:
            raise InputError(
                f"there are features of {len(real.features)} real images, but scores.compared_count = "
                f"{params.compared_count}; make them anew: `dvc repro -f reference`"
            )
        self.real = real
        self.params = params
        self._radii: dict[int, Matrix] = {}

    def score(self, statistics: FeatureStatistics) -> Scores:
        """Compute every score of a set of generated images, by its name in files; None for a score without a value."""
        score = statistics.inception_score
        return {
            "inception_score": None if score is None else score.mean,
            "inception_score_deviation": None if score is None else score.deviation,
            "inception_score_standard_error": None if score is None else score.standard_error,
            **self._compare_moments(statistics),
            **self._compare_features(statistics.features[: self.params.compared_count]),
            **self._score_further(statistics),
        }

    def _score_further(self, statistics: FeatureStatistics) -> Scores:
        further = FurtherScorer(self.real, self.params.shuffle_seed, self._real_radii)
        features = statistics.features[: self.params.compared_count]
        scores: Scores = {}
        for name in self.params.extra:
            scores |= further.score(name, features, statistics.further)
        return scores

    def _compare_moments(self, statistics: FeatureStatistics) -> Scores:
        real = self.real.moments
        features = statistics.features[: statistics.moments.image_count]
        fid = compute_frechet_distance(real, statistics.moments)
        transport = compute_transport_map(self._real_root, statistics.moments)
        interval = compute_fid_interval(fid, real, statistics.moments, transport, features)
        scores: Scores = {
            "fid": fid,
            "fid_standard_error": interval.standard_error,
            "fid_low": interval.low,
            "fid_high": interval.high,
        }
        if self.params.fid_infinity_points:
            points, seed = self.params.fid_infinity_points, self.params.shuffle_seed
            scores["fid_infinity"] = compute_fid_infinity(real, features, points, seed)
        return scores

    def _compare_features(self, fake: NDArray[np.floating]) -> Scores:
        real, params = self.real.features, self.params
        kid = compute_kid(
            real,
            fake,
            params.kid_subsets,
            params.kid_subset_size,
            params.shuffle_seed,
            self._real_kernel_sums,
        )
        scores: Scores = {
            "kid": kid.value,
            "kid_deviation": kid.deviation,
            "kid_standard_error": kid.standard_error,
        }
        k = params.precision_recall_neighbours
        scores |= compute_precision_recall(real, fake, k, self._real_radii(k))._asdict()
        k = params.density_coverage_neighbours
        scores |= compute_density_coverage(real, fake, k, self._real_radii(k))._asdict()
        return scores

    @cached_property
    def _real_root(self) -> Matrix:
        return covariance_power(self.real.moments.covariance, 0.5)

    @cached_property
    def _real_kernel_sums(self) -> KernelSums:
        params = self.params
        return sum_real_kernel(
            self.real.features,
            params.compared_count,
            params.kid_subsets,
            params.kid_subset_size,
            params.shuffle_seed,
        )

    def _real_radii(self, neighbours: int) -> Matrix:
        if neighbours not in self._radii:
            centred, _ = centre(self.real.features, self.real.features[:1])
            self._radii[neighbours] = compute_radii(centred, neighbours)
        return self._radii[neighbours]
