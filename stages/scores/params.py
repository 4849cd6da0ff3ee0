"""The section `scores` of params.yaml, which all stages that score images share."""

from typing import Self

from pydantic import Field, model_validator

from stages.common.params import LARGEST_COUNT, Params
from stages.scores.extra_scores import LEAST_IMAGES, ExtraScore

# The k nearest of n images are similar images only if k is small compared with n. At n = 10 k, the expected coverage of
# two samples of one distribution is within 0.005 of its limit 1 - 2^-k, for the papers' k of 3 and 5.
LEAST_IMAGES_A_NEIGHBOUR = 10


class ScoresParams(Params):
    """The parameters of the scores, all of which are part of a score's protocol.

    Attributes:
        splits: number of parts that the Inception Score is the mean of.
        shuffle_seed: the seed of every random choice in scoring.
        fid_sample_count: number of a snapshot's images that FID uses, the first ones; None uses all.
        fid_infinity_points: number of FIDs that are extrapolated to infinitely many images; 0 leaves FID-infinity out.
        compared_count: number of real and of generated images that the other scores compare.
        kid_subsets: number of pairs of subsets that KID is the mean of.
        kid_subset_size: number of images of such a subset.
        precision_recall_neighbours: k of precision and recall.
        density_coverage_neighbours: k of density and coverage.
        extra: names of further scores to compute. The key may be left out, so that params.yaml files of earlier
            versions stay valid.
    """

    splits: int = Field(ge=1, le=1000)
    shuffle_seed: int = Field(ge=0, lt=2**32)
    fid_sample_count: int | None = Field(ge=2, le=LARGEST_COUNT)
    fid_infinity_points: int = Field(ge=0, le=1000)
    compared_count: int = Field(ge=4, le=1_000_000)
    kid_subsets: int = Field(ge=1, le=10_000)
    kid_subset_size: int = Field(ge=2, le=1_000_000)
    precision_recall_neighbours: int = Field(ge=1, le=1000)
    density_coverage_neighbours: int = Field(ge=1, le=1000)
    extra: list[ExtraScore] = Field(default=[])

    @model_validator(mode="after")
    def _check_compared_count(self) -> Self:
        if self.kid_subset_size > self.compared_count:
            raise ValueError(
                f"kid_subset_size = {self.kid_subset_size} is more than compared_count = {self.compared_count}; "
                "lower it or compare more images"
            )
        for name in ("precision_recall_neighbours", "density_coverage_neighbours"):
            least = LEAST_IMAGES_A_NEIGHBOUR * getattr(self, name)
            if self.compared_count < least:
                raise ValueError(
                    f"compared_count = {self.compared_count} is too few for {name} = {getattr(self, name)}: a "
                    f"neighbourhood needs {least} images or more; lower {name} or compare more images"
                )
        if self.fid_infinity_points == 1:
            raise ValueError(
                "fid_infinity_points = 1: a line needs 2 points or more (the paper has 15); 0 switches it off"
            )
        for name in self.extra:
            if self.compared_count < LEAST_IMAGES.get(name, 0):
                raise ValueError(
                    f"compared_count = {self.compared_count} is too few for {name} of extra, which needs "
                    f"{LEAST_IMAGES[name]} images or more; compare more images or remove {name}"
                )
        repeated = {name for name in self.extra if self.extra.count(name) > 1}
        if repeated:
            raise ValueError(f"extra names {min(repeated)} more than once; once is enough")
        return self

    def fid_count(self, sample_count: int) -> int:
        """Return how many of `sample_count` generated images FID uses."""
        return sample_count if self.fid_sample_count is None else self.fid_sample_count
