"""The Fréchet distance of two Gaussians, which is the FID of the features they stand for."""

import numpy as np

from stages.scores.moments import Matrix, Moments


def frechet_distance(first: Moments, second: Moments) -> float:
    """Compute |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); symmetric, 0 or more.

    The trace of the root is the sum of the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), a symmetric
    matrix with the eigenvalues of C1 C2. Unlike a general matrix root this stays real, and exact to rounding,
    for covariances without full rank.

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
    root = _symmetric_root(first.covariance)
    eigenvalues = np.linalg.eigvalsh(root @ second.covariance @ root)
    trace_of_root = np.sqrt(np.clip(eigenvalues, 0.0, None)).sum()
    shift = first.mean - second.mean
    distance = shift @ shift + np.trace(first.covariance) + np.trace(second.covariance) - 2.0 * trace_of_root
    # Rounding may leave a distance of nothing a hair below 0.
    return max(0.0, float(distance))


def _symmetric_root(covariance: Matrix) -> Matrix:
    """Return the positive semidefinite root of a covariance; eigenvalues below 0 are rounding errors of 0."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    root: Matrix = (vectors * np.sqrt(np.clip(eigenvalues, 0.0, None))) @ vectors.T
    return root
