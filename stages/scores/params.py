"""The section `scores` of params.yaml, read by the reference and evaluate stages so that both score alike."""

from pydantic import Field

from stages.common.params import Params


class ScoresParams(Params):
    """How the Inception Score divides its images."""

    splits: int = Field(ge=1, le=1000)
    shuffle_seed: int = Field(ge=0, lt=2**32)
