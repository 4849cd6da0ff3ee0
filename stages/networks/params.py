"""The networks' section of params.yaml, and the one rule by which every image size gets its networks."""

from typing import Literal

from pydantic import Field

from stages.common.params import Params

Architecture = Literal["standard", "residual"]
SMALLEST_MAP = 4
LARGEST_MAP = 7
DEEPEST_WIDENING = 3


class NetworksParams(Params):
    """What all GANs share, so that they differ in nothing but what the comparison is about."""

    architecture: Architecture
    z_dimension: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=1024)
    negative_slope: float = Field(ge=0.0, lt=1.0)


def count_halvings(image_size: int) -> int:
    """Count how often an image's side is halved on the way to the smallest feature map, 4 to 7 pixels wide.

    28 = 7 * 2**2, 32 = 4 * 2**3, 48 = 6 * 2**3, 64 = 4 * 2**4, 128 = 4 * 2**5. For 32 and 48 these are the
    standard CNNs of Miyato et al. 2018, Table 3.

    Raises:
        ValueError: halving does not lead to 4, 5, 6 or 7 pixels.
    """
    halvings, side = 0, image_size
    while side > LARGEST_MAP and side % 2 == 0:
        side //= 2
        halvings += 1
    if halvings == 0 or not SMALLEST_MAP <= side <= LARGEST_MAP:
        raise ValueError(
            f"image size {image_size}: the networks need 4, 5, 6 or 7 times a power of two, "
            "such as 8, 28, 32, 48, 64, 96 or 128"
        )
    return halvings


def channels_at(level: int, width: int) -> int:
    """Channels of a feature map that was halved `level` times: doubled each time, up to eight times `width`.

    Source: Miyato et al. 2018, Table 3: 64, 128, 256, 512 for width 64.
    """
    return int(width * 2 ** min(level, DEEPEST_WIDENING))
