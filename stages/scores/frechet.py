"""The Fréchet distance of two Gaussians, which is the FID of the features they stand for."""

import numpy as np
from scipy.linalg import blas, eigvalsh, lapack

from stages.scores.moments import Matrix, Moments

# Of the sum of both variances: above this estimate of its own rounding the fast way gives way to the exact one.
TOLERANCE = 1e-9
# Random directions that a norm is estimated along: to a quarter of itself at worst, where one eigenvalue holds all.
DIRECTIONS = 8


def compute_frechet_distance(first: Moments, second: Moments) -> float:
    """Compute |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); symmetric, 0 or more.

    With C1 = F1^T F1 and C2 = F2^T F2 the trace of the root is the sum of the singular values of F1 F2^T. Their
    squares are the eigenvalues of F1 C2 F1^T, which cost a quarter of that; but where many are 0, or nearly,
    the roots of their rounding errors add up, so that there the singular values themselves are computed.

    Raises:
        ValueError: the features differ in dimension.

    Source: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", equation 6 (Dowson and
        Landau 1982).
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(
            f"moments of {len(first.mean)} and of {len(second.mean)} features cannot be compared; "
            "both must come from one extractor"
        )
    shift = first.mean - second.mean
    variance = first.total_variance() + second.total_variance()
    distance = shift @ shift + variance - 2.0 * _trace_of_root(first, second, TOLERANCE * variance)
    # Rounding may leave a distance of nothing a hair below 0.
    return max(0.0, float(distance))


def _trace_of_root(first: Moments, second: Moments, tolerance: float) -> float:
    """Compute tr((C1 C2)^(1/2)) with an error that is estimated to be below `tolerance`, or else exactly."""
    product = _multiply(first, second)
    if product is not None:
        eigenvalues = eigvalsh(product, lower=True, overwrite_a=True, check_finite=False, driver="evd")
        eigenvalues = np.clip(eigenvalues, 0.0, None)
        # Rounding moves an eigenvalue by no more than this, and its root by no more than the next.
        rounding = np.finfo(float).eps * _norm(first) * _norm(second)
        errors = rounding / np.sqrt(np.maximum(eigenvalues, rounding)) if rounding > 0.0 else eigenvalues
        # Their signs are as good as random.
        if np.sqrt((errors**2).sum()) <= tolerance:
            return float(np.sqrt(eigenvalues).sum())
    singular_values = np.linalg.svd(_factor(first) @ _factor(second).T, compute_uv=False)
    return float(singular_values.sum())


def _multiply(first: Moments, second: Moments) -> Matrix | None:
    """Return the lower triangle of a symmetric matrix with the eigenvalues of C1 C2, but for zeros.

    None if neither has full rank. All of it is SciPy's BLAS: NumPy has one of its own, whose threads go on spinning
    for a while when they are done, and take the cores from the next.
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
    # L^T C2 L in half of the work of two products.
    product, _ = lapack.dsygst(many.covariance.T, lower, itype=2, lower=True)
    return product


def _norm(moments: Moments) -> float:
    """Bound the covariance's spectral norm by its Frobenius norm; estimated where only the factor is at hand.

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
    """Return F [R, D] with F^T F the covariance, R its rank to rounding."""
    if moments.factor is not None:
        return moments.factor
    eigenvalues, vectors = np.linalg.eigh(moments.covariance)
    # Zeros come out as rounding errors of either sign; those below 0 tell how large they are.
    noise = max(-2.0 * float(eigenvalues[0]), np.finfo(float).eps * float(eigenvalues[-1]))
    kept = eigenvalues > noise
    factor: Matrix = (vectors[:, kept] * np.sqrt(eigenvalues[kept])).T
    return factor
