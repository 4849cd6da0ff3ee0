"""SNGAN with classes: a projection discriminator, and a generator with conditional batch norm.

Source: Miyato and Koyama 2018, "cGANs with Projection Discriminator", equation 3; loss, initial weights and spectral
norm of every layer, that of the classes included, as in the authors' code, pfnet-research/sngan_projection.
"""

from typing import ClassVar

from torch import Tensor, nn

from stages.networks.architectures import build_discriminator
from stages.networks.discriminator import ConvDiscriminator
from stages.networks.gan import Batch
from stages.networks.params import NetworksParams
from stages.networks.precision import upcast_to_float32
from stages.networks.residual import ResidualDiscriminator
from stages.networks.score_gan import ScoreGan, ScoreGanOptions
from stages.networks.spectral_norm import add_spectral_norm, run_power_iterations
from stages.networks.weights import init_weights


class Options(ScoreGanOptions):
    """The section `options.projection` of params.yaml."""


class ProjectionDiscriminator(nn.Module):
    """A discriminator whose score also has the product of an image's features with a vector of its label."""

    def __init__(self, body: ConvDiscriminator | ResidualDiscriminator, class_count: int) -> None:
        super().__init__()
        self.body = body
        self.embedding = nn.Embedding(class_count, body.score.in_features)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Score images float [N, C, H, W] in [-1, 1] as what their labels, int64 [N], say: float [N], unbounded.

        The score is <embed(y), phi(x)> + psi(phi(x)) with the features phi and the body's last layer psi.
        """
        features = self.body.features(images)
        projections = (self.embedding(labels) * upcast_to_float32(features)).sum(1)
        scores: Tensor = upcast_to_float32(self.body.score(features).squeeze(1)) + projections
        return scores


class GAN(ScoreGan):
    """The generator draws images of a label; the discriminator says how real they are as images of that label."""

    is_conditional: ClassVar[bool] = True
    options: Options

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator and normalise all its layers, the classes' vectors as one matrix."""
        discriminator = ProjectionDiscriminator(build_discriminator(image_shape, networks), self.class_count)
        init_weights(discriminator)
        add_spectral_norm(discriminator)
        return discriminator

    def score(self, batch: Batch) -> Tensor:
        """Return the score of each image as one of its label: float [N]; see Gan."""
        scores: Tensor = self.discriminator(batch.images, batch.labels)
        return scores

    def before_discriminator_step(self) -> None:
        """Do the one power iteration of an update (Miyato et al. 2018, Algorithm 1)."""
        run_power_iterations(self.discriminator)
