"""GAN-GP: the loss of an ordinary GAN with the gradient penalty of WGAN-GP.

Source: Miyato et al. 2018, section 4 and Table 2 (non-saturating loss); the penalty of Gulrajani et al. 2017.
"""

import torch

from stages.networks.gan import Batch, Loss
from stages.networks.gradient_penalty import GradientPenaltyOptions, compute_gradient_penalty
from stages.networks.score_gan import ScoreGan, ScoreGanOptions


class Options(ScoreGanOptions, GradientPenaltyOptions):
    """The section `options.gan_gp` of params.yaml."""


class GAN(ScoreGan):
    """The penalty holds the norm of the gradient of the score, a logit, near one; nothing is normalised."""

    options: Options

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """Compute the loss on scores + lambda * penalty; see Gan."""
        loss = super().discriminator_loss(real, fake, random)
        penalty = compute_gradient_penalty(
            self.discriminator, real.images, fake.images, random, self.options.full_precision_penalty
        )
        total = loss.total + self.options.gradient_penalty_weight * penalty
        return Loss(total, loss.diagnostics | {"gradient_penalty": penalty.detach()})
