"""How far a linear layer stretches, read in three ways: power iteration, the weight as a matrix, the true operator."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn
from torch.nn import functional

from stages.lipschitz.layers import Layer
from stages.lipschitz.params import LipschitzParams
from stages.networks.spectral_norm import SpectralNorm

# Operators no larger than this are written out as a matrix; the iteration needs room for its vectors.
WRITTEN_OUT = 32


class SingularValues(NamedTuple):
    """How far a layer's weight, as the layer uses it, stretches.

    Attributes:
        sigma_estimate: u^T W v of power iteration's u and v, W being the weight as a matrix [first axis, all others].
        sigma: W's largest singular value.
        operator_norm: the largest singular value of what the layer does to its inputs, padding and stride included,
            offset left out. It is what bounds the layer's Lipschitz constant; for a linear layer it is `sigma`.
        has_spectral_norm: whether u and v are those of the training, and not of this analysis.
    """

    sigma_estimate: float
    sigma: float
    operator_norm: float
    has_spectral_norm: bool

    @property
    def sigma_error(self) -> float:
        """How far off the estimate is, as a share of the exact value."""
        return abs(self.sigma_estimate - self.sigma) / self.sigma if self.sigma else 0.0


def measure_singular_values(layer: Layer, params: LipschitzParams, random: torch.Generator) -> SingularValues:
    """Measure one linear layer, in float64 on the CPU.

    Source: Miyato et al. 2018, Algorithm 1, for the estimate, and its section 2.1 for the weight as a matrix; for the
    difference between that and the convolution: Sedghi et al. 2019, Tsuzuku et al. 2018.
    """
    weight = read_weight(layer.module)
    matrix = weight.flatten(1)
    sigma = float(torch.linalg.svdvals(matrix)[0])
    norm = find_spectral_norm(layer.module)
    if norm is None:
        estimate = estimate_sigma(matrix, params.power_iterations, random)
    else:
        estimate = float(torch.vdot(norm.u.cpu().double(), matrix @ norm.v.cpu().double()))
    is_matrix = isinstance(layer.module, nn.Linear)
    true = sigma if is_matrix else measure_operator_norm(layer, weight, params.tolerance, random)
    return SingularValues(estimate, sigma, true, norm is not None)


def read_weight(module: nn.Module) -> Tensor:
    """Return the weight that a layer uses, parametrizations applied: float64, on the CPU."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.detach().cpu().double().contiguous()


def find_spectral_norm(module: nn.Module) -> SpectralNorm | None:
    """Find the spectral normalisation of a layer's weight, or None."""
    return next((norm for norm in module.modules() if isinstance(norm, SpectralNorm)), None)


def estimate_sigma(matrix: Tensor, iterations: int, random: torch.Generator) -> float:
    """Estimate the largest singular value of a matrix float64 [M, N] by power iteration from a random start."""
    v = functional.normalize(torch.randn(matrix.shape[1], generator=random, dtype=matrix.dtype), dim=0)
    for _ in range(iterations):
        u = functional.normalize(matrix @ v, dim=0)
        v = functional.normalize(matrix.T @ u, dim=0)
    return float(torch.vdot(u, matrix @ v))


def measure_operator_norm(layer: Layer, weight: Tensor, tolerance: float, random: torch.Generator) -> float:
    """Measure the largest singular value of a convolution, or a transposed one, at its input's size.

    The layer and its adjoint are applied in turn, as in power iteration, but all directions met so far are used
    (Lanczos' method, restarted; ARPACK). Plain power iteration slows down where the largest singular values are
    close to each other, as those of a convolution on large images are.

    Args:
        layer: the layer.
        weight: its weight, float64.
        tolerance: of the squared norm, relative; the result is at most this much too small.
        random: draws the start.
    """
    apply = _make_operator(layer.module, weight)
    zero = torch.zeros(1, *layer.input_shape, dtype=weight.dtype, requires_grad=True)
    output = apply(zero)

    def forward(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        with torch.no_grad():
            image: Tensor = apply(torch.from_numpy(flat.reshape(zero.shape)))
            return image.flatten().numpy()

    def backward(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        # The gradient of <A x, y> by x is the adjoint's A^T y, wherever it is taken.
        product = (output * torch.from_numpy(flat.reshape(output.shape))).sum()
        return torch.autograd.grad(product, zero, retain_graph=True)[0].flatten().numpy()

    small, there, back = (
        (zero.numel(), forward, backward)
        if zero.numel() <= output.numel()
        else (output.numel(), backward, forward)
    )
    if small <= WRITTEN_OUT:
        rows = np.stack([there(basis) for basis in np.eye(small)])
        return float(np.linalg.norm(rows, 2))
    start = torch.randn(small, generator=random, dtype=weight.dtype).numpy()
    gram = LinearOperator((small, small), matvec=lambda x: back(there(x.ravel())), dtype=np.float64)
    if not np.any(gram.matvec(start)):
        return 0.0
    (square,) = eigsh(gram, k=1, which="LA", tol=tolerance, v0=start, return_eigenvectors=False)
    return float(np.sqrt(square))


def _make_operator(module: nn.Module, weight: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what a convolution does to its input, its offset left out."""
    if isinstance(module, nn.ConvTranspose2d):
        return lambda images: functional.conv_transpose2d(
            images,
            weight,
            None,
            module.stride,
            module.padding,  # type: ignore[arg-type]
            module.output_padding,
            module.groups,
            module.dilation,
        )
    assert isinstance(module, nn.Conv2d)
    # Its own forward pass, which knows of all kinds of padding, without the offset.
    convolve = module._conv_forward
    return lambda images: convolve(images, weight, None)
