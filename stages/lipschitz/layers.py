"""Trace the layers of a discriminator's forward pass, and find whether their norms bound that of the discriminator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stages.networks.gan import Batch, Gan
from stages.networks.normalisers import BatchNormWithoutGain, LayerNormWithoutGain

LINEAR_KINDS = {
    nn.Conv2d: "convolution",
    nn.ConvTranspose2d: "transposed_convolution",
    nn.Linear: "linear",
}
NORMALISER_KINDS = {BatchNormWithoutGain: "batch_norm", LayerNormWithoutGain: "layer_norm"}
# These layers are 1-Lipschitz for every input; params.py of stages/networks keeps the slope of a leaky ReLU below 1.
ONE_LIPSCHITZ = (nn.LeakyReLU, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity, nn.Flatten)


class Layer(NamedTuple):
    """A module without submodules that ran in the forward pass of a discriminator.

    Attributes:
        name: the dotted name within the discriminator.
        module: the module itself.
        input_shape: the shape of its input without the batch axis.
    """

    name: str
    module: nn.Module
    input_shape: tuple[int, ...]

    @property
    def kind(self) -> str:
        """One of the values of LINEAR_KINDS and NORMALISER_KINDS, or the name of the class."""
        return find_kind(self.module, LINEAR_KINDS | NORMALISER_KINDS) or type(self.module).__name__

    @property
    def is_linear(self) -> bool:
        """Whether the layer multiplies by a weight."""
        return find_kind(self.module, LINEAR_KINDS) is not None

    @property
    def is_normaliser(self) -> bool:
        """Whether the layer is a batch norm or a layer norm."""
        return find_kind(self.module, NORMALISER_KINDS) is not None

    @property
    def has_known_norm(self) -> bool:
        """Whether this package can bound the norm of the layer's Jacobian."""
        return self.is_linear or self.is_normaliser or isinstance(self.module, ONE_LIPSCHITZ)


class Trace(NamedTuple):
    """The layers that ran in a forward pass.

    Attributes:
        layers: the layers in the order in which they ran.
        is_chain: whether the first layer read the images, each other layer read the output of the one before, and the
            last output was the discriminator's. Only then does the product of the layers' Lipschitz constants bound
            the discriminator's.
    """

    layers: list[Layer]
    is_chain: bool

    @property
    def has_bound(self) -> bool:
        """Whether the norms of the layers bound the norm of the discriminator's Jacobian."""
        return self.is_chain and all(layer.has_known_norm for layer in self.layers)


def find_kind(module: nn.Module, kinds: dict[Any, str]) -> str | None:
    """Return the kind of a module by its class or a base class, or None if `kinds` has neither."""
    return next((kind for known, kind in kinds.items() if isinstance(module, known)), None)


def list_leaf_modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """List the modules that make up the forward pass, without the parametrizations, which only compute weights."""
    for name, module in network.named_modules():
        is_leaf = find_kind(module, LINEAR_KINDS | NORMALISER_KINDS) is not None or not list(
            module.children()
        )
        if is_leaf and "parametrizations" not in name.split("."):
            yield name, module


@contextmanager
def forward_hooks(
    modules: list[tuple[str, nn.Module]], hook: Callable[[str, nn.Module, Tensor, Tensor], Tensor | None]
) -> Iterator[None]:
    """Call `hook` after each module's forward pass with its name, itself, its input and its output.

    A result of the hook that is not None replaces the output.
    """

    def bind_name(name: str) -> Callable[..., Tensor | None]:
        return lambda module, inputs, output: hook(name, module, inputs[0], output)

    handles = [module.register_forward_hook(bind_name(name)) for name, module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def trace_layers(gan: Gan, batch: Batch) -> Trace:
    """Run a discriminator on a batch of N > 1 images and record the layers that it runs through.

    Each layer of a chain reads the memory that the layer before wrote. A skip connection, like any other computation
    between two layers, writes to new memory, so that the layers are not a chain.
    """
    layers: list[Layer] = []
    images = batch.images.contiguous()
    # All outputs are kept until the end, so that their memory is not reused and addresses stay unique.
    outputs: list[Tensor] = [images]
    links: list[bool] = []

    def record_layer(name: str, module: nn.Module, input: Tensor, output: Tensor) -> None:
        links.append(_share_memory(input, outputs[-1]))
        layers.append(Layer(name, module, tuple(input.shape[1:])))
        outputs.append(output)

    def record_result(name: str, module: nn.Module, input: Tensor, output: Tensor) -> None:
        links.append(_share_memory(output, outputs[-1]))

    discriminator = gan.discriminator
    leaves = list(list_leaf_modules(discriminator))
    with forward_hooks(leaves, record_layer), forward_hooks([("", discriminator)], record_result):
        gan.score(Batch(images, batch.labels))
    # The number of links differs if the discriminator is called more than once, or not by its `forward`.
    return Trace(layers, len(links) == len(layers) + 1 and all(links))


def _share_memory(one: Tensor, other: Tensor) -> bool:
    return (
        one.numel() == other.numel()
        and one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
    )
