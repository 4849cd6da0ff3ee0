"""What every GAN of the model zoo is to the training loop, which never asks which one it runs."""

from abc import ABC, abstractmethod
from collections.abc import Callable
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


class Labelled(NamedTuple):
    """Images and, for a GAN that tells classes apart, what they are of.

    Attributes:
        images: float [N, C, H, W] in [-1, 1].
        labels: int64 [N], in 0..K-1; None for a GAN that knows no classes.
    """

    images: Tensor
    labels: Tensor | None = None

    def change(self, how: Callable[[Tensor], Tensor]) -> "Labelled":
        """Return both changed the same way, such as moved to another device."""
        return Labelled(how(self.images), None if self.labels is None else how(self.labels))

    def detach(self) -> "Labelled":
        """Return the same without a graph."""
        return self.change(torch.Tensor.detach)


class AnyGan(nn.Module, ABC):
    """A generator, a discriminator and their two losses: what the loop trains.

    A file of stages/gans/ holds one subclass named `GAN` and a params model named `Options`. The generator's
    weights are drawn first, so that all GANs of a seed start from the same one.

    Attributes:
        architectures: those of `networks.architecture` that this GAN's discriminator comes in.
        is_conditional: whether it is shown labels, and draws images of a label.
        judgement: what the discriminator says of an image, in words.
        class_count: K, the classes that it tells apart: all of the data's if it is conditional, else 1.
    """

    architectures: ClassVar[tuple[Architecture, ...]] = ("standard", "residual")
    is_conditional: ClassVar[bool] = False
    judgement = "score"

    def __init__(
        self, image_shape: tuple[int, int, int], networks: NetworksParams, options: Any, class_count: int = 1
    ) -> None:
        super().__init__()
        self.options = options
        self.class_count = class_count if self.is_conditional else 1
        self.generator = build_generator(image_shape, networks, class_count if self.is_conditional else None)
        draw_weights(self.generator)
        self.discriminator = self.build_discriminator(image_shape, networks)

    @abstractmethod
    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator with its weights drawn."""

    def draw_fake(self, count: int, random: torch.Generator) -> Labelled:
        """Draw `count` images from noise and, if the GAN is conditional, from labels; both from `random`."""
        z, labels = self.generator.draw_z(count, random), self.generator.draw_labels(count, random)
        return Labelled(self.generator(z, labels), labels)

    @abstractmethod
    def measure_discriminator_loss(self, real: Labelled, fake: Labelled, random: torch.Generator) -> Loss:
        """Compute what the discriminator minimises.

        Args:
            real: N images.
            fake: as many generated ones, without a graph.
            random: source of whatever noise the loss needs, on the images' device.
        """

    @abstractmethod
    def measure_generator_loss(self, fake: Labelled) -> Loss:
        """Compute what the generator minimises, from generated images."""

    @abstractmethod
    def judge_labelled(self, shown: Labelled) -> Tensor:
        """Say of each of N images what the discriminator makes of it: float [N]."""

    def bound_judgement(self, images: Tensor, stretch: Tensor) -> Tensor:
        """Bound the norm of the gradient of the judgement at each image, given how far `discriminator` stretches there.

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


class Gan(AnyGan):
    """A GAN that knows no classes: its losses are of images alone."""

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

    def measure_discriminator_loss(self, real: Labelled, fake: Labelled, random: torch.Generator) -> Loss:
        """See AnyGan."""
        return self.discriminator_loss(real.images, fake.images, random)

    def measure_generator_loss(self, fake: Labelled) -> Loss:
        """See AnyGan."""
        return self.generator_loss(fake.images)

    def judge_labelled(self, shown: Labelled) -> Tensor:
        """See AnyGan."""
        return self.judge(shown.images)


def load_gan_module(name: str) -> ModuleType:
    """Import a GAN's file from the model zoo.

    Raises:
        ValueError: there is no stages/gans/<name>.py.
    """
    try:
        return import_module(f"stages.gans.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"stages.gans.{name}":
            raise
        raise ValueError(f"GAN {name!r} is unknown: there is no stages/gans/{name}.py") from None
