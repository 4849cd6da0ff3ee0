"""The largest singular value of a linear layer: power iteration's estimate, the reshaped weight's, the operator's."""

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

# Operators up to this size become dense matrices, because ARPACK needs more dimensions than it uses vectors.
LARGEST_DENSE_SIZE = 32


class SingularValues(NamedTuple):
    """Three values for the largest singular value of a layer, whose weight is W as a matrix [first axis, all others].

    Attributes:
        sigma_estimate: u^T W v with u and v from power iteration.
        sigma: the largest singular value of W.
        operator_norm: the largest singular value of the linear map from the layer's input to its output without the
            bias. It depends on padding and stride, and it is the layer's Lipschitz constant; for nn.Linear it is
            `sigma`.
        has_spectral_norm: whether u and v are those of the training's spectral norm, and not of this analysis.
    """

    sigma_estimate: float
    sigma: float
    operator_norm: float
    has_spectral_norm: bool

    @property
    def sigma_error(self) -> float:
        """The relative error of the estimate."""
        return abs(self.sigma_estimate - self.sigma) / self.sigma if self.sigma else 0.0


def measure_singular_values(layer: Layer, params: LipschitzParams, random: torch.Generator) -> SingularValues:
    """Measure the singular values of one linear layer, in float64 on the CPU.

    Source: Miyato et al. 2018, Algorithm 1 for the estimate and section 2.1 for the weight as a matrix; Sedghi et al.
    2019 and Tsuzuku et al. 2018 for the difference between that matrix and the convolution.
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
    operator_norm = sigma if is_matrix else measure_operator_norm(layer, weight, params.tolerance, random)
    return SingularValues(estimate, sigma, operator_norm, norm is not None)


def read_weight(module: nn.Module) -> Tensor:
    """Return the weight of a layer with its parametrizations applied: float64, on the CPU."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.detach().cpu().double().contiguous()


def find_spectral_norm(module: nn.Module) -> SpectralNorm | None:
    """Return the spectral normalisation of a layer's weight, or None if it has none."""
    return next((norm for norm in module.modules() if isinstance(norm, SpectralNorm)), None)


def estimate_sigma(matrix: Tensor, iterations: int, random: torch.Generator) -> float:
    """Estimate the largest singular value of a matrix float64 [M, N] by power iteration from a random start."""
    v = functional.normalize(torch.randn(matrix.shape[1], generator=random, dtype=matrix.dtype), dim=0)
    for _ in range(iterations):
        u = functional.normalize(matrix @ v, dim=0)
        v = functional.normalize(matrix.T @ u, dim=0)
    return float(torch.vdot(u, matrix @ v))


def measure_operator_norm(layer: Layer, weight: Tensor, tolerance: float, random: torch.Generator) -> float:
    """Measure the largest singular value of a convolution, or of a transposed one, for the size of its input.

    The method is ARPACK's restarted Lanczos iteration on the layer and its adjoint. Plain power iteration is slow
    where the largest singular values are close to each other, as those of a convolution on large images are.

    Args:
        layer: the layer.
        weight: its weight, float64.
        tolerance: the relative error of the squared norm, which is estimated from below.
        random: the random generator of the start vector.
    """
    apply = _make_operator(layer.module, weight)
    zero = torch.zeros(1, *layer.input_shape, dtype=weight.dtype, requires_grad=True)
    output = apply(zero)

    def forward(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        with torch.no_grad():
            image: Tensor = apply(torch.from_numpy(flat.reshape(zero.shape)))
            return image.flatten().numpy()

    def backward(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        # The gradient of <A x, y> with respect to x is A^T y at every x.
        product = (output * torch.from_numpy(flat.reshape(output.shape))).sum()
        return torch.autograd.grad(product, zero, retain_graph=True)[0].flatten().numpy()

    size, apply_map, apply_adjoint = (
        (zero.numel(), forward, backward)
        if zero.numel() <= output.numel()
        else (output.numel(), backward, forward)
    )
    if size <= LARGEST_DENSE_SIZE:
        rows = np.stack([apply_map(basis) for basis in np.eye(size)])
        return float(np.linalg.norm(rows, 2))
    start = torch.randn(size, generator=random, dtype=weight.dtype).numpy()
    gram = LinearOperator(
        (size, size), matvec=lambda x: apply_adjoint(apply_map(x.ravel())), dtype=np.float64
    )
    if not np.any(gram.matvec(start)):
        return 0.0
    (square,) = eigsh(gram, k=1, which="LA", tol=tolerance, v0=start, return_eigenvectors=False)
    return float(np.sqrt(square))


def _make_operator(module: nn.Module, weight: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a convolution, or a transposed one, as a function of its input, without the bias."""
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
    # nn.Conv2d's own forward pass handles all padding modes.
    convolve = module._conv_forward
    return lambda images: convolve(images, weight, None)
