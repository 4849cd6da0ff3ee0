"""How far an FID may be off because its generated images are a sample: the standard error, and an interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.moments import Matrix, Moments

# Of a normal distribution between which 95 % lie.
Z_95 = 1.959963984540054
# Below this part of the largest eigenvalue, an eigenvalue is a rounding error of 0.
ROUNDING = 1e-12


class FidInterval(NamedTuple):
    """How sure an FID is, against these very real images, at this very number of generated ones.

    Attributes:
        standard_error: of the FID.
        low: lower end of the 95 % interval, 0 or more.
        high: upper end.
    """

    standard_error: float
    low: float
    high: float


def fid_interval(
    fid: float, real: Moments, fake: Moments, transport: Matrix, features: NDArray[np.floating]
) -> FidInterval:
    """Compute the standard error of an FID by the infinitesimal jackknife, and FID +- 1.96 of them.

    An image x moves the FID by its influence, 2 (m2 - m1).d + d' (I - T) d less that of the mean image, where
    d = x - m2; the influences' deviation over the root of the number of images is the standard error. The bias that
    FID has at a given number of images is no part of it: under one protocol it is nearly the same for all. Where an
    FID is hardly more than that bias, or there are only a few images a feature, the error comes out somewhat large.

    Args:
        fid: of `fake` against `real`.
        real: moments of the real images.
        fake: moments of the generated ones.
        transport: what `find_transport` gives for both covariances.
        features: any float type, [N, D]; the generated images', or some of them drawn alike.

    Source: Efron 1982, "The Jackknife, the Bootstrap and Other Resampling Plans", chapter 6; the derivative of the
        distance by a covariance is I - T, T the optimal transport map between the Gaussians (Takatsu 2011).
    """
    offsets = features.astype(np.float64) - fake.mean
    curvature = np.eye(len(transport)) - transport
    influences = 2.0 * offsets @ (fake.mean - real.mean) + np.einsum("nd,nd->n", offsets @ curvature, offsets)
    error = float(influences.std(ddof=1)) / fake.image_count**0.5
    return FidInterval(error, max(0.0, fid - Z_95 * error), fid + Z_95 * error)


def find_transport(real_root: Matrix, fake: Moments) -> Matrix:
    """Return T = C1^(1/2) (C1^(1/2) C2 C1^(1/2))^(-1/2) C1^(1/2), which takes the generated Gaussian to the real one.

    Directions in which nothing is generated have no inverse and take no part.

    Args:
        real_root: C1^(1/2), `raise_covariance` of the real images' to 1/2; the same for all that meets them.
        fake: moments of the generated images.
    """
    transport: Matrix = (
        real_root @ raise_covariance(real_root @ fake.covariance @ real_root, -0.5) @ real_root
    )
    return transport


def raise_covariance(covariance: Matrix, exponent: float) -> Matrix:
    """Raise a covariance to a power, within the directions in which it is not 0."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    is_kept = eigenvalues > ROUNDING * eigenvalues[-1]
    kept = vectors[:, is_kept]
    result: Matrix = (kept * eigenvalues[is_kept] ** exponent) @ kept.T
    return result
