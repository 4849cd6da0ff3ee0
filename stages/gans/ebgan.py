"""EBGAN-PT: an auto-encoder whose reconstruction error is the energy, and a pulling-away term on the codes.

Source: Zhao et al. 2017, "Energy-based Generative Adversarial Network", equations 1, 2 and 4 (14 in the first
version). Here the energy is the mean squared error over the pixels of an image, and the margin has the same unit.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize, relu

from stages.networks.discriminator import AutoEncoder
from stages.networks.distributed import all_gather_batch
from stages.networks.gan import Batch, Gan, GanOptions, Loss, concatenate
from stages.networks.params import Architecture, NetworksParams
from stages.networks.precision import full_precision
from stages.networks.weights import init_weights


class Options(GanOptions):
    """The section `options.ebgan` of params.yaml.

    Attributes:
        margin: the energy that generated images are pushed up to.
        pull_away_weight: the weight of the pulling-away term in the generator's loss.
        code_dimension: the length of the auto-encoder's code.
    """

    margin: float = Field(gt=0.0)
    pull_away_weight: float = Field(ge=0.0)
    code_dimension: int = Field(ge=1, le=65536)


class GAN(Gan):
    """The discriminator learns a low energy for real images and an energy of at least the margin for generated ones."""

    # The paper has no residual auto-encoder.
    architectures: ClassVar[tuple[Architecture, ...]] = ("standard",)
    score_name: ClassVar[str] = "mean squared error of the reconstruction"
    options: Options
    discriminator: AutoEncoder

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the auto-encoder; see Gan."""
        auto_encoder = AutoEncoder(image_shape, networks, self.options.code_dimension)
        init_weights(auto_encoder)
        return auto_encoder

    def score(self, batch: Batch) -> Tensor:
        """Return the energy of each image, float [N]; see Gan."""
        return compute_energy(batch.images, self.discriminator(batch.images))

    @torch.no_grad()
    def gradient_bound(self, batch: Batch, jacobian_norm: Tensor) -> Tensor:
        """Bound the norm of the gradient by 2 ||x - D(x)|| (1 + ||J||) / P for P pixels; see Gan.

        The gradient is 2 (I - J)^T (x - D(x)) / P.
        """
        errors: Tensor = (batch.images - self.discriminator(batch.images)).flatten(1).norm(dim=1)
        return 2.0 * errors * (1.0 + jacobian_norm) / batch.images[0].numel()

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """Compute E[D(real)] + E[max(0, margin - D(fake))], with the margin applied to each image; see Gan."""
        real_energy, fake_energy = self.score(concatenate(real, fake)).chunk(2)
        total = real_energy.mean() + relu(self.options.margin - fake_energy).mean()
        return Loss(
            total, {"real_score": real_energy.detach().mean(), "fake_score": fake_energy.detach().mean()}
        )

    def generator_loss(self, fake: Batch) -> Loss:
        """Compute E[D(fake)] + weight * pulling-away term, with the gradient of both sides of the energy; see Gan."""
        codes = self.discriminator.encode(fake.images)
        energy = compute_energy(fake.images, self.discriminator.decode(codes)).mean()
        with full_precision(codes):
            pull_away = compute_pull_away(all_gather_batch(codes))
        return Loss(energy + self.options.pull_away_weight * pull_away, {"pull_away": pull_away.detach()})


def compute_energy(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Compute the mean squared error over the pixels of each image: float [N], from two float [N, C, H, W]."""
    return (images - reconstructions).square().flatten(1).mean(1)


def compute_pull_away(codes: Tensor) -> Tensor:
    """Compute the mean squared cosine between the codes float [N, D] of different images: a scalar in [0, 1]; N > 1.

    The published report's code divided all codes by one norm of the whole matrix, which made the term a constant.
    """
    count = len(codes)
    directions = normalize(codes, dim=1)
    squared_cosines = (directions @ directions.T).square()
    return (squared_cosines.sum() - squared_cosines.diagonal().sum()) / (count * (count - 1))
