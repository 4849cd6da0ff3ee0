"""WGAN-GP: a critic held near 1-Lipschitz by a penalty on its gradient, with no normalisation at all.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", Algorithm 1 (lambda 10, two-sided
penalty, no batch norm in the critic, whose penalty is on each image alone).
"""

import torch
from torch import nn

from stages.networks.architectures import build_discriminator
from stages.networks.gan import Batch, Gan, Loss, concatenate
from stages.networks.gradient_penalty import GradientPenaltyOptions, compute_gradient_penalty
from stages.networks.params import NetworksParams
from stages.networks.weights import init_weights


class Options(GradientPenaltyOptions):
    """The section `options.wgan_gp` of params.yaml."""


class GAN(Gan):
    """The critic's mean score of real images less that of generated ones estimates their Wasserstein distance."""

    options: Options

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the critic, not normalised."""
        critic = build_discriminator(image_shape, networks)
        init_weights(critic)
        return critic

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """See Gan; E[D(fake)] - E[D(real)] + lambda * penalty."""
        real_score, fake_score = (scores.mean() for scores in self.score(concatenate(real, fake)).chunk(2))
        penalty = compute_gradient_penalty(
            self.discriminator, real.images, fake.images, random, self.options.full_precision_penalty
        )
        total = fake_score - real_score + self.options.gradient_penalty_weight * penalty
        return Loss(
            total,
            {
                "real_score": real_score.detach(),
                "fake_score": fake_score.detach(),
                "gradient_penalty": penalty.detach(),
            },
        )

    def generator_loss(self, fake: Batch) -> Loss:
        """See Gan; -E[D(fake)]."""
        return Loss(-self.score(fake).mean(), {})
