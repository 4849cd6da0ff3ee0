"""Layers of the discriminators that torch lacks: normalisers without a gain, and spectral normalisation."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.networks.precision import full_precision
from stages.networks.shares import average, count_processes

EPSILON = 1e-5
# As torch's normalize: a weight of zeros stays one.
SMALLEST_NORM = 1e-12
# The power method starts from a random vector; by then it has settled, so that the first update already
# divides by the true spectral norm (torch's own spectral_norm warms up by the same number).
WARM_UP_ITERATIONS = 15


class BatchNormWithoutGain(nn.Module):
    """Batch normalisation over the batch's own statistics with an offset per channel and no gain.

    Miyato et al. 2018, section 4, removed the gain (gamma) from the discriminators that it compares, since
    it would let them violate the Lipschitz condition openly.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W] over N, H and W."""
        if count_processes() > 1:
            wide = maps.float()
            deviations = wide - average(wide.mean((0, 2, 3))).view(1, -1, 1, 1)
            variance = average(deviations.square().mean((0, 2, 3)))
            normalised = deviations * (variance + EPSILON).rsqrt().view(1, -1, 1, 1)
            return (normalised + self.offset.view(1, -1, 1, 1)).to(maps.dtype)
        # CUDA's backward pass allocates the offset's gradient like the gain, so there it needs a gain of ones.
        gain = torch.ones_like(self.offset) if maps.is_cuda else None
        return functional.batch_norm(maps, None, None, gain, self.offset, training=True, eps=EPSILON)


class LayerNormWithoutGain(nn.Module):
    """Layer normalisation over channels and space, with an offset per channel and no gain.

    Source: Ba et al. 2016, equation 3; without gain as in Miyato et al. 2018, section 4.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.shape = (channels, size, size)
        self.offset = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W], each image over C, H and W."""
        if maps.is_cuda and is_channels_last(maps):
            return self._normalise_channels_last(maps)
        return functional.layer_norm(maps, self.shape, eps=EPSILON) + self.offset

    def _normalise_channels_last(self, maps: Tensor) -> Tensor:
        """Normalise channels-last maps as they lie in memory and in their own precision.

        Torch's layer norm would copy them to the contiguous layout, autocast would widen them to float32, and the
        next convolution would undo both. The mean and the variance do not depend on the order of what they are
        taken over, and the kernel sums in float32 whatever the maps are.
        """
        channels, height, width = self.shape
        with full_precision(maps):
            normalised = functional.layer_norm(maps.movedim(1, -1), (height, width, channels), eps=EPSILON)
        return normalised.movedim(-1, 1) + self.offset.to(maps.dtype)


class SpectralNorm(nn.Module):
    """Divide a weight by its largest singular value, as the parametrization of a convolution or linear layer.

    The weight is seen as a matrix [out, everything else]. Its first singular vectors u and v are kept in
    the state and improved by one power iteration whenever `iterate` is called, which the training does once
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
            self.iterate(weight)
        self._fresh: tuple[Tensor, int, Tensor] | None = None

    @torch.no_grad()
    def iterate(self, weight: Tensor) -> None:
        """Improve u and v by one power iteration on the unnormalised `weight`."""
        matrix = weight_to_matrix(weight)
        functional.normalize(torch.mv(matrix, self._v_as_laid_out(weight)), dim=0, out=self.u)
        v = torch.mv(matrix.T, self.u)
        # With v = W^T u / |W^T u|, u^T W v is |W^T u|: the next use of this very weight need not multiply again.
        sigma = torch.linalg.vector_norm(v).clamp(min=SMALLEST_NORM)
        v = v / sigma
        self._fresh = weight, weight._version, sigma
        if is_channels_last(weight):
            _, inner, *window = weight.shape
            v = v.view(*window, inner).movedim(-1, 0).flatten()
        self.v.copy_(v)

    def sigma(self, weight: Tensor) -> Tensor:
        """Estimate the largest singular value of the unnormalised `weight`: u^T W v, a scalar."""
        # Copies, as the next iteration changes u and v in place while this graph may still be needed.
        return _estimate_sigma(weight, self.u.clone(), self._v_as_laid_out(weight).clone())

    def forward(self, weight: Tensor) -> Tensor:
        """Return weight / sigma; the gradient flows through both, with u and v held fixed."""
        # Reduced precision would lose in sigma what the normalisation is there for.
        with full_precision(weight):
            u, v = self.u.clone(), self._v_as_laid_out(weight).clone()
            normalised: Tensor = _Normalise.apply(weight, u, v, self._take_fresh(weight))
        return normalised

    def _take_fresh(self, weight: Tensor) -> Tensor | None:
        """Return the norm that `iterate` found, once, and if `weight` has not changed since."""
        fresh, self._fresh = self._fresh, None
        if fresh is None or fresh[0] is not weight or fresh[1] != weight._version:
            return None
        return fresh[2]

    def _v_as_laid_out(self, weight: Tensor) -> Tensor:
        """Order v, kept in the order of `weight.flatten(1)`, as `weight_to_matrix` orders the columns."""
        if not is_channels_last(weight):
            return self.v
        return self.v.view(weight.shape[1:]).movedim(0, -1).flatten()


class _Normalise(torch.autograd.Function):
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


def iterate_spectral_norms(module: nn.Module) -> None:
    """Do the one power iteration of an update for every spectrally normalised layer inside `module`."""
    for layer in module.modules():
        if isinstance(layer, nn.utils.parametrize.ParametrizationList):
            norm = layer[0]
            if isinstance(norm, SpectralNorm):
                norm.iterate(layer.original)


@torch.no_grad()
def export_state(module: nn.Module) -> dict[str, Tensor]:
    """Return a module's state with every parametrized tensor as it is used, under its plain name.

    A generator's snapshot is loaded into networks that know nothing of how its weights were normalised.
    """
    state = module.state_dict()
    for name, layer in module.named_modules():
        if nn.utils.parametrize.is_parametrized(layer):
            for key in layer.parametrizations:
                prefix = f"{name}.parametrizations.{key}."
                state = {other: value for other, value in state.items() if not other.startswith(prefix)}
                state[f"{name}.{key}"] = getattr(layer, key).detach()
    return state


def draw_weights(module: nn.Module) -> None:
    """Draw every weight by Glorot's uniform rule and set every offset to zero, in the modules' order.

    Source: Glorot and Bengio 2010, equation 16. The report's code and Radford et al. 2016 draw from
    N(0, 0.02^2), which suits a width of 64 and more; in narrower networks signals all but vanish under it.
    A layer that asks for another gain than 1 has it as its `gain`.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Embedding):
            nn.init.xavier_uniform_(layer.weight)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=getattr(layer, "gain", 1.0))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
