"""What every GAN on the shelf is to the training loop, which never asks which one it runs."""

from abc import ABC, abstractmethod
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from stages.networks.architectures import build_generator
from stages.networks.layers import draw_weights
from stages.networks.params import Architecture, NetworksParams


class Loss(NamedTuple):
    """What one loss function returns.

    Attributes:
        total: the scalar to minimise.
        diagnostics: detached scalars to log. A discriminator's hold `real_score` and `fake_score`, its mean
            output on real and generated images.
    """

    total: Tensor
    diagnostics: dict[str, Tensor]


class Gan(nn.Module, ABC):
    """A generator, a discriminator and their two losses.

    A file of stages/gans/ holds one subclass named `GAN` and a params model named `Options`. The generator's
    weights are drawn first, so that all GANs of a seed start from the same one.

    Attributes:
        architectures: those of `networks.architecture` that this GAN's discriminator comes in.
        judgement: what `judge` returns, in words.
    """

    architectures: ClassVar[tuple[Architecture, ...]] = ("standard", "residual")
    judgement = "score"

    def __init__(self, image_shape: tuple[int, int, int], networks: NetworksParams, options: Any) -> None:
        super().__init__()
        self.options = options
        self.generator = build_generator(image_shape, networks)
        draw_weights(self.generator)
        self.discriminator = self.build_discriminator(image_shape, networks)

    @abstractmethod
    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator with its weights drawn."""

    @abstractmethod
    def discriminator_loss(self, real: Tensor, fake: Tensor, random: torch.Generator) -> Loss:
        """Compute what the discriminator minimises.

        Args:
            real: images float [N, C, H, W] in [-1, 1].
            fake: generated images of the same shape, without a graph.
            random: source of whatever noise the loss needs, on the images' device.
        """

    @abstractmethod
    def generator_loss(self, fake: Tensor) -> Loss:
        """Compute what the generator minimises, from generated images float [N, C, H, W] in [-1, 1]."""

    def judge(self, images: Tensor) -> Tensor:
        """Say of each image float [N, C, H, W] in [-1, 1] what the discriminator makes of it: float [N]."""
        judgements: Tensor = self.discriminator(images)
        return judgements

    def bound_judgement(self, images: Tensor, stretch: Tensor) -> Tensor:
        """Bound the norm of the gradient of `judge` at each image, given how far `discriminator` stretches there.

        Args:
            images: float [N, C, H, W] in [-1, 1].
            stretch: bounds the norm of the discriminator's Jacobian at each image: float [N].

        Returns:
            float [N].
        """
        return stretch

    def before_discriminator_step(self) -> None:
        """Prepare a discriminator step, such as by a power iteration."""

    def before_generator_step(self) -> None:
        """Prepare a generator step, such as by a power iteration."""

    def after_discriminator_step(self, loss: Loss) -> None:
        """Finish a discriminator step, such as by a controller that reads the loss just minimised."""

    def end_epoch(self) -> float:
        """Finish a pass over the data; return the factor that both learning rates are multiplied by from now."""
        return 1.0


def load_gan_module(name: str) -> ModuleType:
    """Import a GAN's file from the shelf.

    Raises:
        ValueError: there is no stages/gans/<name>.py.
    """
    try:
        return import_module(f"stages.gans.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"stages.gans.{name}":
            raise
        raise ValueError(f"GAN {name!r} is unknown: there is no stages/gans/{name}.py") from None
