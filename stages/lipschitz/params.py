"""The section `lipschitz` of params.yaml."""

from pydantic import Field

from stages.common.params import Params


class LipschitzParams(Params):
    """How exactly every discriminator is analysed.

    Attributes:
        image_count: the number of real images, of generated images and of images interpolated between them.
        power_iterations: for the weights that the training did not normalise by their spectral norm.
        tolerance: the relative error of the square of a convolution's norm.
    """

    image_count: int = Field(ge=2, le=65536)
    power_iterations: int = Field(ge=1, le=100_000)
    tolerance: float = Field(gt=0.0, le=0.1)
