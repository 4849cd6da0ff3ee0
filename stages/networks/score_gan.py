"""The base class of GANs whose losses are functions of one score for each image."""

import torch
from torch import Tensor, nn

from stages.networks.architectures import build_discriminator
from stages.networks.discriminator import Normaliser
from stages.networks.gan import Batch, Gan, GanOptions, Loss, concatenate
from stages.networks.losses import SCORE_LOSSES, LossName, ScoreLoss
from stages.networks.params import NetworksParams
from stages.networks.weights import init_weights


class ScoreGanOptions(GanOptions):
    """The options of every GAN that can be trained with any of the losses in SCORE_LOSSES."""

    loss: LossName


class ScoreGan(Gan):
    """A GAN with losses on scores; subclasses differ in how the discriminator is normalised and regularised.

    Attributes:
        normaliser: makes the layer after each convolution of the discriminator but the first; None for no such layer.
    """

    normaliser: Normaliser | None = None

    @property
    def score_loss(self) -> ScoreLoss:
        """The losses of both networks; the option `loss` chooses them unless a subclass does."""
        loss: LossName = self.options.loss
        return SCORE_LOSSES[loss]

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build a discriminator with this GAN's normaliser; see Gan."""
        discriminator = build_discriminator(image_shape, networks, self.normaliser)
        init_weights(discriminator)
        return discriminator

    def score_real_and_fake(self, real: Batch, fake: Batch) -> tuple[Tensor, Tensor]:
        """Score N real and N generated images in one pass, where no image affects another's score; each float [N]."""
        real_scores, fake_scores = self.score(concatenate(real, fake)).chunk(2)
        return real_scores, fake_scores

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """Compute the discriminator's loss on the scores of real and generated images; see Gan."""
        real_scores, fake_scores = self.score_real_and_fake(real, fake)
        total = self.score_loss.discriminator(real_scores, fake_scores)
        return Loss(
            total, {"real_score": real_scores.detach().mean(), "fake_score": fake_scores.detach().mean()}
        )

    def generator_loss(self, fake: Batch) -> Loss:
        """Compute the generator's loss on the scores of generated images; see Gan."""
        return Loss(self.score_loss.generator(self.score(fake)), {})
