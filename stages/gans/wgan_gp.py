"""WGAN-GP: a critic with the Wasserstein loss, held near 1-Lipschitz by a gradient penalty, without normalisation.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", Algorithm 1 (lambda 10, two-sided penalty).
The critic has no batch norm, because the penalty is on the gradient with respect to each image alone.
"""

import torch

from stages.networks.gan import Batch, Loss
from stages.networks.gradient_penalty import GradientPenaltyOptions, compute_gradient_penalty
from stages.networks.losses import WASSERSTEIN
from stages.networks.score_gan import ScoreGan


class Options(GradientPenaltyOptions):
    """The section `options.wgan_gp` of params.yaml."""


class GAN(ScoreGan):
    """The mean score of real images less that of generated ones estimates their Wasserstein distance."""

    options: Options
    score_loss = WASSERSTEIN

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """Compute E[D(fake)] - E[D(real)] + lambda * penalty; see Gan."""
        loss = super().discriminator_loss(real, fake, random)
        penalty = compute_gradient_penalty(
            self.discriminator, real.images, fake.images, random, self.options.full_precision_penalty
        )
        total = loss.total + self.options.gradient_penalty_weight * penalty
        return Loss(total, loss.diagnostics | {"gradient_penalty": penalty.detach()})
