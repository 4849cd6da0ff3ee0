"""Spectral normalisation of a weight, by one power iteration a training step."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.networks.precision import full_precision

# As torch's normalize: a weight of zeros stays one.
SMALLEST_NORM = 1e-12
# The power method starts from a random vector; by then it has settled, so that the first update already
# divides by the true spectral norm (torch's own spectral_norm warms up by the same number).
WARM_UP_ITERATIONS = 15


class SpectralNorm(nn.Module):
    """Divide a weight by its largest singular value, as the parametrization of a convolution or linear layer.

    The weight is seen as a matrix [out, everything else]. Its first singular vectors u and v are kept in
    the state and improved by one power iteration whenever `run_power_iteration` is called, which the training does once
    an update of the discriminator; using the layer changes nothing.

    Source: Miyato et al. 2018, Algorithm 1; u is improved before v, as in torch's parametrization, with which
    this agrees to the last bits.
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
        """Improve u and v by one power iteration on the unnormalised `weight`."""
        matrix = weight_to_matrix(weight)
        functional.normalize(torch.mv(matrix, self._v_in_memory_order(weight)), dim=0, out=self.u)
        v = torch.mv(matrix.T, self.u)
        # With v = W^T u / |W^T u|, u^T W v is |W^T u|: the next use of this very weight need not multiply again.
        sigma = torch.linalg.vector_norm(v).clamp(min=SMALLEST_NORM)
        v = v / sigma
        self._cached_sigma = weight, weight._version, sigma
        if is_channels_last(weight):
            _, inner, *window = weight.shape
            v = v.view(*window, inner).movedim(-1, 0).flatten()
        self.v.copy_(v)

    def sigma(self, weight: Tensor) -> Tensor:
        """Estimate the largest singular value of the unnormalised `weight`: u^T W v, a scalar."""
        # Copies, as the next iteration changes u and v in place while this graph may still be needed.
        return _estimate_sigma(weight, self.u.clone(), self._v_in_memory_order(weight).clone())

    def forward(self, weight: Tensor) -> Tensor:
        """Return weight / sigma; the gradient flows through both, with u and v held fixed."""
        # Reduced precision would lose in sigma what the normalisation is there for.
        with full_precision(weight):
            u, v = self.u.clone(), self._v_in_memory_order(weight).clone()
            normalised: Tensor = _DivideBySigma.apply(weight, u, v, self._pop_cached_sigma(weight))
        return normalised

    def _pop_cached_sigma(self, weight: Tensor) -> Tensor | None:
        """Return the norm that `run_power_iteration` found, once, and if `weight` has not changed since."""
        fresh, self._cached_sigma = self._cached_sigma, None
        if fresh is None or fresh[0] is not weight or fresh[1] != weight._version:
            return None
        return fresh[2]

    def _v_in_memory_order(self, weight: Tensor) -> Tensor:
        """Order v, kept in the order of `weight.flatten(1)`, as `weight_to_matrix` orders the columns."""
        if not is_channels_last(weight):
            return self.v
        return self.v.view(weight.shape[1:]).movedim(0, -1).flatten()


class _DivideBySigma(torch.autograd.Function):
    """weight / (u^T W v), with a gradient that reads and writes the weight half as often as autograd's own."""

    @staticmethod
    def forward(context: Any, weight: Tensor, u: Tensor, v: Tensor, sigma: Tensor | None) -> Tensor:
        if sigma is None:
            sigma = _estimate_sigma(weight, u, v)
        context.save_for_backward(weight, u, v, sigma)
        return weight / sigma

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """Miyato et al. 2018, equation 11: (G - <G, W / sigma> u v^T) / sigma."""
        weight, u, v, sigma = context.saved_tensors
        if torch.is_grad_enabled():
            # A gradient penalty differentiates this again, and sigma depends on the weight.
            sigma = _estimate_sigma(weight, u, v)
        matrix = weight_to_matrix(gradient.contiguous(memory_format=_layout(weight)))
        share = torch.vdot(weight_to_matrix(weight).flatten(), matrix.flatten()) / sigma.square()
        traced = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if gradient.device.type == "cpu" and not traced:
            # One pass instead of two. Sigma has to be a number for it, which a GPU would have to be waited for.
            whole = torch.addr(matrix, -share * u, v, beta=1.0 / sigma.item())
        else:
            whole = (matrix / sigma).addr_(-share * u, v)
        return matrix_to_weight(whole, weight), None, None, None


def _estimate_sigma(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return torch.vdot(u, torch.mv(weight_to_matrix(weight), v))


def _layout(weight: Tensor) -> torch.memory_format:
    return torch.channels_last if is_channels_last(weight) else torch.contiguous_format


def is_channels_last(weight: Tensor) -> bool:
    """Tell whether a weight lies in memory with its input channels last, and not as its shape says."""
    return not weight.is_contiguous() and weight.is_contiguous(memory_format=torch.channels_last)


def weight_to_matrix(weight: Tensor) -> Tensor:
    """See a weight [out, in, ...] as a matrix [out, everything else] without moving it in memory.

    The columns are in the order of memory: a permutation of those of `weight.flatten(1)` where the layout is
    channels-last, which leaves the singular values as they are.
    """
    return weight.movedim(1, -1).flatten(1) if is_channels_last(weight) else weight.flatten(1)


def matrix_to_weight(matrix: Tensor, like: Tensor) -> Tensor:
    """See a matrix made by `weight_to_matrix` as a weight of the shape and layout of `like` again."""
    if not is_channels_last(like):
        return matrix.view(like.shape)
    out, inner, *window = like.shape
    return matrix.view(out, *window, inner).movedim(-1, 1)


def add_spectral_norm(module: nn.Module) -> None:
    """Normalise every convolution, linear layer and embedding inside `module`; call it once the weights are drawn.

    A transposed convolution is the adjoint of the convolution with the same weight, and has its norm; so its weight
    [in, out, ...] is seen as a matrix [in, everything else].
    """
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding):
            nn.utils.parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight))


def run_power_iterations(module: nn.Module) -> None:
    """Do the one power iteration of an update for every spectrally normalised layer inside `module`."""
    for layer in module.modules():
        if isinstance(layer, nn.utils.parametrize.ParametrizationList):
            norm = layer[0]
            if isinstance(norm, SpectralNorm):
                norm.run_power_iteration(layer.original)
