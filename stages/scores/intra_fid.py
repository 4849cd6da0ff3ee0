"""FID by class, which measures whether a conditional generator's images of each class look like that class."""

from collections.abc import Sequence
from typing import NamedTuple

from stages.common.errors import InputError
from stages.scores.frechet import compute_frechet_distance
from stages.scores.moments import Moments


class IntraFid(NamedTuple):
    """FIDs by class.

    Attributes:
        mean: the mean over the classes.
        highest: the FID of the worst class.
    """

    mean: float
    highest: float


def compute_intra_fid(real: Sequence[Moments], fake: Sequence[Moments]) -> IntraFid:
    """Compute the FID between generated and real images of each class.

    A class has fewer images than the whole set, so its FID has a larger bias; compare it only at equal numbers of
    images.

    Args:
        real: moments of the real images of each class.
        fake: moments of the generated images of each class, in the same order.

    Raises:
        InputError: the numbers of classes differ.

    Source: Miyato and Koyama 2018, "cGANs with Projection Discriminator", section 5 (intra FID).
    """
    if len(real) != len(fake):
        raise InputError(f"FID by class: {len(real)} classes of real and {len(fake)} of generated images")
    distances = [compute_frechet_distance(*pair) for pair in zip(real, fake, strict=True)]
    return IntraFid(sum(distances) / len(distances), max(distances))
