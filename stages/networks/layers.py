"""Layers of the discriminators that torch lacks: normalisers without a gain, and spectral normalisation."""

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-5
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
        return functional.batch_norm(maps, None, None, None, self.offset, training=True, eps=EPSILON)


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
        return functional.layer_norm(maps, self.shape, eps=EPSILON) + self.offset


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

    @torch.no_grad()
    def iterate(self, weight: Tensor) -> None:
        """Improve u and v by one power iteration on the unnormalised `weight`."""
        matrix = weight.flatten(1)
        functional.normalize(matrix @ self.v, dim=0, out=self.u)
        functional.normalize(matrix.T @ self.u, dim=0, out=self.v)

    def sigma(self, weight: Tensor) -> Tensor:
        """Estimate the largest singular value of the unnormalised `weight`: u^T W v, a scalar."""
        # Copies, as the next iteration changes u and v in place while this graph may still be needed.
        return torch.vdot(self.u.clone(), torch.mv(weight.flatten(1), self.v.clone()))

    def forward(self, weight: Tensor) -> Tensor:
        """Return weight / sigma; the gradient flows through both, with u and v held fixed."""
        return weight / self.sigma(weight)


def add_spectral_norm(module: nn.Module) -> None:
    """Normalise every convolution and linear layer inside `module`; call it once the weights are drawn.

    A transposed convolution is the adjoint of the convolution with the same weight, and has its norm; so its weight
    [in, out, ...] is seen as a matrix [in, everything else].
    """
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
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
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=getattr(layer, "gain", 1.0))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
