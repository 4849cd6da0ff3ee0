"""The interface of every GAN of the model zoo: a generator, a discriminator and their losses over a batch."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.common.errors import InputError
from stages.common.params import Params
from stages.networks.architectures import build_generator
from stages.networks.params import Architecture, NetworksParams
from stages.networks.weights import init_weights


class Loss(NamedTuple):
    """The value that a network minimises, and the scalars that are logged with it.

    Attributes:
        total: the scalar to minimise.
        diagnostics: detached scalars to log. Those of a discriminator hold `real_score` and `fake_score`, its mean
            output on real and on generated images.
    """

    total: Tensor
    diagnostics: dict[str, Tensor]


class Batch(NamedTuple):
    """A batch of images with their labels, which only a conditional GAN needs.

    Attributes:
        images: float [N, C, H, W] in [-1, 1].
        labels: int64 [N] in 0..K-1, or None for an unconditional GAN.
    """

    images: Tensor
    labels: Tensor | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        """Apply a function, such as a move to another device, to the images and to the labels."""
        return Batch(function(self.images), None if self.labels is None else function(self.labels))

    def detach(self) -> "Batch":
        """Return the batch cut off from the graph that computed it."""
        return self.map(torch.Tensor.detach)


def concatenate(first: Batch, second: Batch) -> Batch:
    """Join two batches along the first axis; either both have labels or neither has."""
    images = torch.cat([first.images, second.images])
    if first.labels is None or second.labels is None:
        return Batch(images)
    return Batch(images, torch.cat([first.labels, second.labels]))


class GanOptions(Params):
    """The options that every GAN of the model zoo has.

    Attributes:
        discriminator_steps: the number of discriminator steps per generator step under every setting, if the GAN's
            paper fixes it; None uses the setting's number.
    """

    discriminator_steps: int | None = Field(ge=1, le=100)


class Gan(nn.Module, ABC):
    """A generator, a discriminator and their two losses, which is all that the training loop knows of a GAN.

    A file of stages/gans/ holds one subclass named `GAN` and a subclass of GanOptions named `Options`. An unconditional
    GAN reads only the images of a batch. The generator's weights are initialised first, so that all GANs of a seed
    start from the same generator.

    Attributes:
        architectures: the values of `networks.architecture` that this GAN's discriminator can be built in.
        is_conditional: whether the networks read labels.
        score_name: what `score` measures, in words.
        class_count: K, the number of classes in the data for a conditional GAN, and 1 for any other.
    """

    architectures: ClassVar[tuple[Architecture, ...]] = ("standard", "residual")
    is_conditional: ClassVar[bool] = False
    score_name: ClassVar[str] = "score"

    def __init__(
        self, image_shape: tuple[int, int, int], networks: NetworksParams, options: Any, class_count: int = 1
    ) -> None:
        super().__init__()
        self.options = options
        self.class_count = class_count if self.is_conditional else 1
        self.generator = build_generator(image_shape, networks, class_count if self.is_conditional else None)
        init_weights(self.generator)
        self.discriminator = self.build_discriminator(image_shape, networks)

    @abstractmethod
    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator for images [C, H, W] and initialise its weights."""

    @abstractmethod
    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """Compute the loss of the discriminator.

        Args:
            real: N real images.
            fake: N generated images, detached from the generator.
            random: the random generator for noise in the loss, on the images' device.
        """

    @abstractmethod
    def generator_loss(self, fake: Batch) -> Loss:
        """Compute the loss of the generator from the images that it generated."""

    def generate(self, count: int, random: torch.Generator) -> Batch:
        """Generate `count` images from z and, if the GAN is conditional, from labels, both sampled from `random`."""
        z, labels = self.generator.sample_z(count, random), self.generator.sample_labels(count, random)
        return Batch(self.generator(z, labels), labels)

    def score(self, batch: Batch) -> Tensor:
        """Return one number for each image, float [N]: the discriminator's output, or a reconstruction's error."""
        scores: Tensor = self.discriminator(batch.images)
        return scores

    def gradient_bound(self, batch: Batch, jacobian_norm: Tensor) -> Tensor:
        """Bound the norm of the gradient of `score` with respect to each image.

        Args:
            batch: N images.
            jacobian_norm: a bound on the spectral norm of the discriminator's Jacobian at each image, float [N].

        Returns:
            float [N].
        """
        return jacobian_norm

    def before_discriminator_step(self) -> None:
        """Prepare a discriminator step, for instance by a power iteration."""

    def before_generator_step(self) -> None:
        """Prepare a generator step, for instance by a power iteration."""

    def after_discriminator_step(self, loss: Loss) -> None:
        """Finish a discriminator step, for instance by updating a controller from the loss that was minimised."""

    def end_generator_step(self, generator_step: int) -> bool:
        """Finish a generator step, and return whether `schedule_learning_rate` now returns different rates.

        Args:
            generator_step: the number of finished generator steps.
        """
        return False

    def schedule_learning_rate(self, rate: float) -> float:
        """Return the learning rate to use now, given the setting's rate."""
        return rate


def load_gan_module(name: str) -> ModuleType:
    """Import the file of a GAN from the model zoo.

    Raises:
        InputError: there is no stages/gans/<name>.py.
    """
    try:
        return import_module(f"stages.gans.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"stages.gans.{name}":
            raise
        raise InputError(f"GAN {name!r} is unknown: there is no stages/gans/{name}.py") from None
