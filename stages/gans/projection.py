"""Class-conditional SNGAN: a projection discriminator, and a generator with conditional batch norm.

Source: Miyato and Koyama 2018, "cGANs with Projection Discriminator", equation 3. The loss, the initial weights and the
spectral norm of every layer, the class embedding included, are those of the authors' code,
pfnet-research/sngan_projection.
"""

from typing import ClassVar

from torch import Tensor, nn

from stages.networks.architectures import build_discriminator
from stages.networks.discriminator import ScoringDiscriminator
from stages.networks.gan import Batch
from stages.networks.params import NetworksParams
from stages.networks.precision import upcast_to_float32
from stages.networks.score_gan import ScoreGan, ScoreGanOptions
from stages.networks.spectral_norm import add_spectral_norm, run_power_iterations
from stages.networks.weights import init_weights


class Options(ScoreGanOptions):
    """The section `options.projection` of params.yaml."""


class ProjectionDiscriminator(nn.Module):
    """A discriminator that adds to its score the inner product of an image's features and the embedding of its label.

    Attributes:
        body: a discriminator without classes, which gives the features and the score that does not depend on the label.
        embedding: a vector for each class.
    """

    def __init__(self, body: ScoringDiscriminator, class_count: int) -> None:
        super().__init__()
        self.body = body
        self.embedding = nn.Embedding(class_count, body.score.in_features)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Score images float [N, C, H, W] in [-1, 1] as images of their labels, int64 [N]: float [N], unbounded.

        The score is <embedding(y), phi(x)> + psi(phi(x)) with the features phi and the last layer psi of the body.
        """
        features = self.body.features(images)
        projections = (self.embedding(labels) * upcast_to_float32(features)).sum(1)
        scores: Tensor = self.body.score_features(features) + projections
        return scores


class GAN(ScoreGan):
    """The generator makes images of a given label, and the discriminator scores images as images of their label."""

    is_conditional: ClassVar[bool] = True
    options: Options

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator and normalise all its layers, the class embedding as one matrix; see Gan."""
        discriminator = ProjectionDiscriminator(build_discriminator(image_shape, networks), self.class_count)
        init_weights(discriminator)
        add_spectral_norm(discriminator)
        return discriminator

    def score(self, batch: Batch) -> Tensor:
        """Return the score of each image as an image of its label, float [N]; see Gan."""
        scores: Tensor = self.discriminator(batch.images, batch.labels)
        return scores

    def before_discriminator_step(self) -> None:
        """Run the one power iteration of a step (Miyato et al. 2018, Algorithm 1)."""
        run_power_iterations(self.discriminator)
