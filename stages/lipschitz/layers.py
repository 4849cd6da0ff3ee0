"""The layers that a discriminator runs through, in their order, and whether they are one chain."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stages.networks.gan import Batch, Gan
from stages.networks.normalisers import BatchNormWithoutGain, LayerNormWithoutGain

LINEAR = {
    nn.Conv2d: "convolution",
    nn.ConvTranspose2d: "transposed_convolution",
    nn.Linear: "linear",
}
NORMALISERS = {BatchNormWithoutGain: "batch_norm", LayerNormWithoutGain: "layer_norm"}
# What is 1-Lipschitz whatever it is given; of a leaky ReLU the slope is below 1 (stages/networks/params.py).
CONTRACTIONS = (nn.LeakyReLU, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity, nn.Flatten)


class Layer(NamedTuple):
    """A module that computes something of its own.

    Attributes:
        name: dotted, within the discriminator.
        module: the layer.
        input_shape: of one input, without the batch.
    """

    name: str
    module: nn.Module
    input_shape: tuple[int, ...]

    @property
    def kind(self) -> str:
        """What it is: one of LINEAR's or NORMALISERS' kinds, or the class's name."""
        return find_kind(self.module, LINEAR | NORMALISERS) or type(self.module).__name__

    @property
    def is_linear(self) -> bool:
        """Whether it multiplies by a weight."""
        return find_kind(self.module, LINEAR) is not None

    @property
    def is_understood(self) -> bool:
        """Whether a bound on how far it can stretch is known."""
        kinds = LINEAR | NORMALISERS
        return find_kind(self.module, kinds) is not None or isinstance(self.module, CONTRACTIONS)


class Trace(NamedTuple):
    """What ran.

    Attributes:
        layers: in the order in which they did.
        is_chain: whether each took what the one before gave, the first the images, and the last gave what the
            discriminator did: only then does the product of their Lipschitz constants bound that of the whole.
    """

    layers: list[Layer]
    is_chain: bool

    @property
    def has_bound(self) -> bool:
        """Whether the layers' constants make a bound for the whole."""
        return self.is_chain and all(layer.is_understood for layer in self.layers)


def find_kind(module: nn.Module, kinds: dict[Any, str]) -> str | None:
    """Look a module up by its class or one that it derives from."""
    return next((kind for known, kind in kinds.items() if isinstance(module, known)), None)


def list_leaves(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """List the modules that compute something of their own, but for what computes a weight."""
    for name, module in network.named_modules():
        is_leaf = find_kind(module, LINEAR | NORMALISERS) is not None or not list(module.children())
        if is_leaf and "parametrizations" not in name.split("."):
            yield name, module


@contextmanager
def watching(modules: list[tuple[str, nn.Module]], see: Callable[..., Tensor | None]) -> Iterator[None]:
    """Call `see` with each module's name, itself, its input and output; what it returns, if not None, is passed on."""

    def hook(name: str) -> Callable[..., Tensor | None]:
        return lambda module, inputs, output: see(name, module, inputs[0], output)

    handles = [module.register_forward_hook(hook(name)) for name, module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def trace_layers(gan: Gan, shown: Batch) -> Trace:
    """Run a discriminator on N > 1 images and note what it runs through.

    Whether the layers are a chain is seen from the memory that they read and write: a skip connection, or anything
    else between two layers than another view of the same numbers, writes to new memory.
    """
    layers: list[Layer] = []
    images = shown.images.contiguous()
    # All outputs are kept until the end, so that no two share an address.
    kept: list[Tensor] = [images]
    links: list[bool] = []

    def see(name: str, module: nn.Module, taken: Tensor, given: Tensor) -> None:
        links.append(_share_memory(taken, kept[-1]))
        layers.append(Layer(name, module, tuple(taken.shape[1:])))
        kept.append(given)

    def see_end(name: str, module: nn.Module, taken: Tensor, given: Tensor) -> None:
        links.append(_share_memory(given, kept[-1]))

    with watching(list(list_leaves(gan.discriminator)), see), watching([("", gan.discriminator)], see_end):
        gan.score(Batch(images, shown.labels))
    # Called more than once, or past its own `forward`, the whole is no chain of what was seen.
    return Trace(layers, len(links) == len(layers) + 1 and all(links))


def _share_memory(one: Tensor, other: Tensor) -> bool:
    return (
        one.numel() == other.numel()
        and one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
    )
