"""The section `lipschitz` of params.yaml."""

from pydantic import Field

from stages.common.params import Params


class LipschitzParams(Params):
    """The precision with which every discriminator is analysed.

    Attributes:
        image_count: the number of real images, of generated images and of images interpolated between them.
        power_iterations: the number of power iterations for weights that the training did not spectrally normalise.
        tolerance: the relative error of the squared norm of a convolution.
    """

    image_count: int = Field(ge=2, le=65536)
    power_iterations: int = Field(ge=1, le=100_000)
    tolerance: float = Field(gt=0.0, le=0.1)
