"""The Fréchet distance between two Gaussians; between Gaussians fitted to features it is the FID."""

import numpy as np
from scipy.linalg import blas, eigvalsh, lapack

from stages.common.errors import InputError
from stages.scores.features import Matrix
from stages.scores.moments import Moments

# The largest estimated rounding error of the fast computation, as a share of the sum of both total variances; above it,
# the exact computation is used.
TOLERANCE = 1e-9
# The number of random directions for estimating a norm; in the worst case of one nonzero eigenvalue it is a quarter
# off.
DIRECTIONS = 8


def compute_frechet_distance(first: Moments, second: Moments) -> float:
    """Compute |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); symmetric, 0 or more.

    With C1 = F1^T F1 and C2 = F2^T F2 the trace of the root is the sum of the singular values of F1 F2^T. Their
    squares are the eigenvalues of F1 C2 F1^T, which take a quarter of the time. Where many eigenvalues are 0, or
    nearly, the roots of their rounding errors add up; there the singular values themselves are computed.

    Raises:
        InputError: the features differ in dimension.

    Source: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", equation 6 (Dowson and
        Landau 1982).
    """
    if first.mean.shape != second.mean.shape:
        raise InputError(
            f"moments of {len(first.mean)} and of {len(second.mean)} features cannot be compared; "
            "both must come from one extractor"
        )
    shift = first.mean - second.mean
    variance = first.total_variance() + second.total_variance()
    distance = shift @ shift + variance - 2.0 * _trace_of_root(first, second, TOLERANCE * variance)
    # Rounding may make a distance of 0 slightly negative.
    return max(0.0, float(distance))


def _trace_of_root(first: Moments, second: Moments, tolerance: float) -> float:
    """Compute tr((C1 C2)^(1/2)), from eigenvalues where the estimated error is below `tolerance`, else exactly."""
    product = _multiply(first, second)
    if product is not None:
        eigenvalues = eigvalsh(product, lower=True, overwrite_a=True, check_finite=False, driver="evd")
        eigenvalues = np.clip(eigenvalues, 0.0, None)
        # Rounding changes an eigenvalue by no more than this, and its root by no more than the following line.
        rounding = np.finfo(float).eps * _norm(first) * _norm(second)
        errors = rounding / np.sqrt(np.maximum(eigenvalues, rounding)) if rounding > 0.0 else eigenvalues
        # The errors are added as if their signs were random.
        if np.sqrt((errors**2).sum()) <= tolerance:
            return float(np.sqrt(eigenvalues).sum())
    singular_values = np.linalg.svd(_factor(first) @ _factor(second).T, compute_uv=False)
    return float(singular_values.sum())


def _multiply(first: Moments, second: Moments) -> Matrix | None:
    """Compute the lower triangle of a symmetric matrix with the nonzero eigenvalues of C1 C2.

    Returns None if neither covariance has full rank. All products use SciPy's BLAS: NumPy has its own, whose threads
    keep spinning for a while after a product and occupy the cores that the next one needs.
    """
    few, many = sorted((first, second), key=lambda moments: moments.image_count)
    product: Matrix
    if few.factor is not None and many.factor is not None:
        crossed = blas.dgemm(1.0, few.factor.T, many.factor.T, trans_a=True)
        product = blas.dsyrk(1.0, crossed, lower=True)
        return product
    if few.factor is not None:
        half = blas.dsymm(1.0, many.covariance.T, few.factor.T)
        product = blas.dgemm(1.0, few.factor.T, half, trans_a=True)
        return product
    lower, failure = lapack.dpotrf(few.covariance.T, lower=True, clean=False)
    if failure:
        return None
    # dsygst computes L^T C2 L with half of the operations of two products.
    product, _ = lapack.dsygst(many.covariance.T, lower, itype=2, lower=True)
    return product


def _norm(moments: Moments) -> float:
    """Bound the covariance's spectral norm by its Frobenius norm, which is estimated where only the factor is known.

    Source: Hutchinson 1990, "A stochastic estimator of the trace of the influence matrix", of the squared covariance.
    """
    if moments.factor is None:
        return float(blas.dnrm2(moments.covariance.ravel()))
    directions = np.random.default_rng(0).standard_normal((moments.factor.shape[1], DIRECTIONS))
    along = blas.dgemm(1.0, moments.factor.T, directions, trans_a=True)
    images = blas.dgemm(1.0, moments.factor.T, along)
    length: float = blas.dnrm2(images.ravel(order="K")) / DIRECTIONS**0.5
    return length


def _factor(moments: Moments) -> Matrix:
    """Return F [R, D] whose product F^T F is the covariance; R is its numerical rank."""
    if moments.factor is not None:
        return moments.factor
    eigenvalues, vectors = np.linalg.eigh(moments.covariance)
    # Eigenvalues of 0 become rounding errors of either sign; the most negative one shows how large they are.
    noise = max(-2.0 * float(eigenvalues[0]), np.finfo(float).eps * float(eigenvalues[-1]))
    kept = eigenvalues > noise
    factor: Matrix = (vectors[:, kept] * np.sqrt(eigenvalues[kept])).T
    return factor
