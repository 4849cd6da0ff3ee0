"""Spectral normalisation: a weight is divided by its largest singular value, which power iteration estimates.

Source: Miyato et al. 2018, Algorithm 1. u is updated before v, as in torch's parametrization, with which this one
agrees to the last bits.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.networks.memory_format import (
    get_memory_format,
    matrix_to_weight,
    vector_from_memory_order,
    vector_to_memory_order,
    weight_to_matrix,
)
from stages.networks.precision import full_precision

# The smallest norm to divide by, as in torch's normalize: a weight of zeros stays a weight of zeros.
SMALLEST_NORM = 1e-12
# Power iterations from the random start, so that the first training step already divides by nearly the true spectral
# norm. torch's spectral_norm does as many.
WARM_UP_ITERATIONS = 15


class SpectralNorm(nn.Module):
    """The parametrization of a weight that divides it by its largest singular value.

    The weight is seen as a matrix [out, everything else]. Its first singular vectors u and v are buffers. They
    change only in `run_power_iteration`, which the training calls once a step, and not in the forward pass.
    Autograd refuses the backward pass of a graph that is older than the last power iteration.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        self.register_buffer("u", functional.normalize(torch.randn(matrix.shape[0]), dim=0))
        self.register_buffer("v", functional.normalize(torch.randn(matrix.shape[1]), dim=0))
        for _ in range(WARM_UP_ITERATIONS):
            self.run_power_iteration(weight)
        self._cached_sigma: tuple[Tensor, int, Tensor] | None = None

    @torch.no_grad()
    def run_power_iteration(self, weight: Tensor) -> None:
        """Improve u and v by one power iteration on the unnormalised weight."""
        matrix = weight_to_matrix(weight)
        u = torch.mv(matrix, vector_to_memory_order(self.v, weight))
        torch.div(u, _positive_norm(u), out=self.u)
        v = torch.mv(matrix.T, self.u)
        # As v = W^T u / |W^T u|, the estimate u^T W v is |W^T u|, so the next forward pass need not compute it.
        sigma = _positive_norm(v)
        self._cached_sigma = weight, weight._version, sigma
        self.v.copy_(vector_from_memory_order(v / sigma, weight))

    def sigma(self, weight: Tensor) -> Tensor:
        """Estimate the largest singular value of the unnormalised weight by the scalar u^T W v."""
        return _estimate_sigma(weight, self.u, vector_to_memory_order(self.v, weight))

    def forward(self, weight: Tensor) -> Tensor:
        """Return weight / sigma. The gradient flows through the weight and through sigma, with u and v held fixed."""
        # In bfloat16 the rounding error of sigma would undo the normalisation.
        with full_precision(weight):
            v = vector_to_memory_order(self.v, weight)
            normalised: Tensor = _DivideBySigma.apply(weight, self.u, v, self._pop_cached_sigma(weight))
        return normalised

    def _pop_cached_sigma(self, weight: Tensor) -> Tensor | None:
        """Return the sigma of the last power iteration once, or None if the weight has changed since."""
        cached, self._cached_sigma = self._cached_sigma, None
        if cached is None or cached[0] is not weight or cached[1] != weight._version:
            return None
        return cached[2]


class _DivideBySigma(torch.autograd.Function):
    """Computes W / (u^T W v) with a backward pass that moves half as much memory as autograd's own."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, u: Tensor, v: Tensor, sigma: Tensor | None) -> Tensor:
        if sigma is None:
            sigma = _estimate_sigma(weight, u, v)
        ctx.save_for_backward(weight, u, v, sigma)
        return weight / sigma

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """Compute (G - <G, W / sigma> u v^T) / sigma (Miyato et al. 2018, equation 11)."""
        weight, u, v, sigma = ctx.saved_tensors
        if torch.is_grad_enabled():
            # A gradient penalty differentiates this result again, and then sigma has to be a function of the weight.
            sigma = _estimate_sigma(weight, u, v)
        matrix = weight_to_matrix(gradient.contiguous(memory_format=get_memory_format(weight)))
        scale = torch.vdot(weight_to_matrix(weight).flatten(), matrix.flatten()) / sigma.square()
        is_traced = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if gradient.device.type == "cpu" and not is_traced:
            # One pass over the matrix instead of two. It needs sigma as a Python number, which on a GPU would force
            # a synchronisation.
            result = torch.addr(matrix, -scale * u, v, beta=1.0 / sigma.item())
        else:
            result = (matrix / sigma).addr_(-scale * u, v)
        return matrix_to_weight(result, weight), None, None, None


def _positive_norm(vector: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(vector)
    return norm.clamp_(min=SMALLEST_NORM)


def _estimate_sigma(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return torch.vdot(u, torch.mv(weight_to_matrix(weight), v))


def add_spectral_norm(module: nn.Module) -> None:
    """Normalise the weight of every convolution, linear layer and embedding in a module that has been initialised.

    A transposed convolution is the adjoint of the convolution with the same weight and has the same norm, so its weight
    [in, out, ...] is seen as a matrix [in, everything else].
    """
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding):
            nn.utils.parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight))


def run_power_iterations(module: nn.Module) -> None:
    """Run one power iteration for every spectrally normalised layer in a module."""
    for layer in module.modules():
        if isinstance(layer, nn.utils.parametrize.ParametrizationList):
            norm = layer[0]
            if isinstance(norm, SpectralNorm):
                norm.run_power_iteration(layer.original)
