"""The section `networks` of params.yaml, and the rules that fit the networks to an image size."""

from typing import Literal

from pydantic import Field

from stages.common.errors import InputError
from stages.common.params import Params

Architecture = Literal["standard", "residual"]
SMALLEST_MAP_SIZE = 4
LARGEST_MAP_SIZE = 7
MAXIMUM_DOUBLINGS = 3


class NetworksParams(Params):
    """The parameters of the networks, which all GANs of a comparison share.

    Attributes:
        architecture: the CNNs of Miyato et al. 2018, Table 3, or its residual networks, Tables 4 to 6.
        z_dimension: the length of a noise vector.
        width: the number of channels at full resolution; 64 in the paper.
        negative_slope: the negative slope of the discriminator's leaky ReLUs.
    """

    architecture: Architecture
    z_dimension: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=1024)
    negative_slope: float = Field(ge=0.0, lt=1.0)


def count_halvings(image_size: int) -> int:
    """Count how often the side of an image is halved until the smallest feature map has a side of 4 to 7 pixels.

    28 = 7 * 2**2, 32 = 4 * 2**3, 48 = 6 * 2**3, 64 = 4 * 2**4, 128 = 4 * 2**5. For 32 and 48 this gives the
    standard CNNs of Miyato et al. 2018, Table 3.

    Raises:
        InputError: halving does not lead to 4, 5, 6 or 7 pixels.
    """
    halvings, side = 0, image_size
    while side > LARGEST_MAP_SIZE and side % 2 == 0:
        side //= 2
        halvings += 1
    if halvings == 0 or not SMALLEST_MAP_SIZE <= side <= LARGEST_MAP_SIZE:
        raise InputError(
            f"image size {image_size}: the networks need 4, 5, 6 or 7 times a power of two, "
            "such as 8, 28, 32, 48, 64, 96 or 128"
        )
    return halvings


def count_channels(level: int, width: int) -> int:
    """Return the number of channels of a feature map whose side was halved `level` times.

    It doubles with each halving, from `width` up to eight times `width`.

    Source: Miyato et al. 2018, Table 3: 64, 128, 256, 512 for width 64.
    """
    return int(width * 2 ** min(level, MAXIMUM_DOUBLINGS))
