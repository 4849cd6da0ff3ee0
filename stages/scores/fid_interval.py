"""The standard error of an FID that comes from sampling its generated images, and a confidence interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.features import Matrix
from stages.scores.moments import Moments

# The quantile of the normal distribution that bounds a 95 % interval.
Z_95 = 1.959963984540054
# An eigenvalue below this share of the largest counts as 0, up to rounding.
ROUNDING = 1e-12


class FidInterval(NamedTuple):
    """The uncertainty of an FID, given the real images and the number of generated ones.

    Attributes:
        standard_error: the standard error of the FID.
        low: lower end of the 95 % interval, 0 or more.
        high: upper end of the interval.
    """

    standard_error: float
    low: float
    high: float


def compute_fid_interval(
    fid: float, real: Moments, fake: Moments, transport: Matrix, features: NDArray[np.floating]
) -> FidInterval:
    """Compute the standard error of an FID by the infinitesimal jackknife, and the interval of FID +- 1.96 errors.

    The influence of an image x on the FID is 2 (m2 - m1).d + d' (I - T) d, where d = x - m2, minus the mean influence;
    the standard error is the influences' standard deviation divided by the root of the number of images. The bias that
    FID has at a given number of images is not part of it: under one protocol it is nearly the same for all. Where an
    FID is hardly more than that bias, or there are few images per feature, the error is somewhat overestimated.

    Args:
        fid: the FID of `fake` against `real`.
        real: moments of the real images.
        fake: moments of the generated images.
        transport: the result of `compute_transport_map` for both covariances.
        features: the features of the generated images or of a sample of them, any float type, [N, D].

    Source: Efron 1982, "The Jackknife, the Bootstrap and Other Resampling Plans", chapter 6; the derivative of the
        distance by a covariance is I - T, T the optimal transport map between the Gaussians (Takatsu 2011).
    """
    offsets = features.astype(np.float64) - fake.mean
    curvature = np.eye(len(transport)) - transport
    influences = 2.0 * offsets @ (fake.mean - real.mean) + np.einsum("nd,nd->n", offsets @ curvature, offsets)
    error = float(influences.std(ddof=1)) / fake.image_count**0.5
    return FidInterval(error, max(0.0, fid - Z_95 * error), fid + Z_95 * error)


def compute_transport_map(real_root: Matrix, fake: Moments) -> Matrix:
    """Compute the optimal transport map from the generated images' Gaussian to the real images'.

    It is T = C1^(1/2) (C1^(1/2) C2 C1^(1/2))^(-1/2) C1^(1/2). Directions in which the generated images do not vary have
    no inverse and are left out.

    Args:
        real_root: C1^(1/2), the real images' covariance to the power of 1/2.
        fake: moments of the generated images.
    """
    transport: Matrix = (
        real_root @ covariance_power(real_root @ fake.covariance @ real_root, -0.5) @ real_root
    )
    return transport


def covariance_power(covariance: Matrix, exponent: float) -> Matrix:
    """Compute a power of a covariance, within the directions in which it is not 0."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    is_kept = eigenvalues > ROUNDING * eigenvalues[-1]
    kept = vectors[:, is_kept]
    result: Matrix = (kept * eigenvalues[is_kept] ** exponent) @ kept.T
    return result
