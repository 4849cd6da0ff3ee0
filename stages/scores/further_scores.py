"""Compute the scores that are switched on by `scores.extra`."""

from collections.abc import Callable

from stages.scores.authenticity import compute_authenticity
from stages.scores.cmmd import compute_cmmd
from stages.scores.copying_test import compute_copying_test
from stages.scores.features import Features, Matrix
from stages.scores.frechet import compute_frechet_distance
from stages.scores.further_moments import FurtherStatistics
from stages.scores.intra_fid import compute_intra_fid
from stages.scores.reference_statistics import ReferenceStatistics

Scores = dict[str, float | None]


class FurtherScorer:
    """A scorer that compares generated images with one set of real images."""

    def __init__(self, real: ReferenceStatistics, seed: int, find_radii: Callable[[int], Matrix]) -> None:
        """Make a scorer.

        Args:
            real: the statistics of the real images.
            seed: the seed of k-means.
            find_radii: returns each real image's squared distance to its k-th neighbour, given k.
        """
        self._real, self._seed, self._find_radii = real, seed, find_radii

    def score(self, name: str, features: Features, further: FurtherStatistics) -> Scores:
        """Compute one of the scores, by its name; None where it has no value.

        Args:
            name: the name of the score.
            features: float32 [M, D], the features of the generated images that are compared.
            further: the further statistics of the generated images.
        """
        compute = {
            "authenticity": self._score_authenticity,
            "cmmd": self._score_cmmd,
            "ct": self._score_copying,
        }.get(name)
        return self._compare(name, further) if compute is None else compute(features)

    def _score_authenticity(self, features: Features) -> Scores:
        found = compute_authenticity(self._real.features, features, self._find_radii(1))
        return {
            "authenticity": found.value,
            "authenticity_low": found.low,
            "authenticity_high": found.high,
        }

    def _score_cmmd(self, features: Features) -> Scores:
        found = compute_cmmd(self._real.features, features)
        return {
            "cmmd": found.value,
            "cmmd_biased": found.biased,
            "cmmd_standard_error": found.standard_error,
        }

    def _score_copying(self, features: Features) -> Scores:
        if self._real.held_out is None:
            return {"ct": None, "ct_null_deviation": None}
        found = compute_copying_test(self._real.features, self._real.held_out, features, self._seed)
        return {"ct": found.value, "ct_null_deviation": found.null_deviation}

    def _compare(self, name: str, fake: FurtherStatistics) -> Scores:
        real = self._real.further
        if name == "sfid":
            if real.spatial is None or fake.spatial is None:
                return {"sfid": None}
            return {"sfid": compute_frechet_distance(real.spatial, fake.spatial)}
        if real.classes is None or fake.classes is None:
            return {"intra_fid": None, "intra_fid_highest": None}
        found = compute_intra_fid(real.classes, fake.classes)
        return {"intra_fid": found.mean, "intra_fid_highest": found.highest}
