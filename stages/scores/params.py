"""The section `scores` of params.yaml, read by the reference and evaluate stages so that both score alike."""

from typing import Self

from pydantic import Field, model_validator

from stages.common.params import Params

# A neighbourhood of k images among n says something about images that are alike only while k is small beside n:
# at n = 10 k, coverage of like sets is expected within 0.005 of its limit 1 - 2^-k for the papers' k of 3 and 5.
LEAST_IMAGES_A_NEIGHBOUR = 10


class ScoresParams(Params):
    """How images are scored; all of it becomes part of a score's protocol.

    Attributes:
        splits: of the Inception Score.
        shuffle_seed: of every random choice that scoring makes.
        fid_sample_count: how many of a snapshot's images FID takes, the first ones; None takes all.
        fid_infinity_points: numbers of images between which FID is extrapolated to infinitely many; 0 leaves it out.
        compared_count: real and generated images each that KID, precision, recall, density and coverage compare.
        kid_subsets: pairs of subsets that KID is the mean of.
        kid_subset_size: images of such a subset.
        precision_recall_neighbours: k of precision and recall.
        density_coverage_neighbours: k of density and coverage.
    """

    splits: int = Field(ge=1, le=1000)
    shuffle_seed: int = Field(ge=0, lt=2**32)
    fid_sample_count: int | None = Field(ge=2)
    fid_infinity_points: int = Field(ge=0, le=1000)
    compared_count: int = Field(ge=4, le=1_000_000)
    kid_subsets: int = Field(ge=1, le=10_000)
    kid_subset_size: int = Field(ge=2, le=1_000_000)
    precision_recall_neighbours: int = Field(ge=1, le=1000)
    density_coverage_neighbours: int = Field(ge=1, le=1000)

    @model_validator(mode="after")
    def _refuse_few_compared(self) -> Self:
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
                    f"neighbourhood means something among {least} images or more; lower {name} or compare more"
                )
        if self.fid_infinity_points == 1:
            raise ValueError(
                "fid_infinity_points = 1: a line needs 2 points or more (the paper takes 15); 0 is off"
            )
        return self

    def fid_count(self, sample_count: int) -> int:
        """How many of `sample_count` generated images FID takes."""
        return sample_count if self.fid_sample_count is None else self.fid_sample_count
