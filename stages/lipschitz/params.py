"""The section `lipschitz` of params.yaml."""

from pydantic import Field

from stages.common.params import Params


class LipschitzParams(Params):
    """How closely every discriminator is looked at."""

    image_count: int = Field(ge=2, le=65536)
    power_iterations: int = Field(ge=1, le=100_000)
    tolerance: float = Field(gt=0.0, le=0.1)
