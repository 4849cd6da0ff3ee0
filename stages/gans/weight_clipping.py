"""WGAN with weight clipping: a critic whose every parameter is kept within a small range.

Source: Arjovsky et al. 2017, "Wasserstein GAN", Algorithm 1 (clip 0.01; RMSProp there, the setting's Adam here, as in
Miyato et al. 2018, Table 2).
"""

import torch
from pydantic import Field
from torch import nn

from stages.common.params import Params
from stages.networks.architectures import build_discriminator
from stages.networks.gan import Batch, Gan, Loss, concatenate
from stages.networks.params import NetworksParams
from stages.networks.weights import init_weights


class Options(Params):
    """The section `options.weight_clipping` of params.yaml."""

    clip: float = Field(gt=0.0)


class GAN(Gan):
    """The critic's mean score of real images less that of generated ones; its Lipschitz constant is some K."""

    options: Options

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the critic, its parameters within the range from the start."""
        critic = build_discriminator(image_shape, networks)
        init_weights(critic)
        _clip(critic, self.options.clip)
        return critic

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """See Gan; E[D(fake)] - E[D(real)]."""
        real_score, fake_score = (scores.mean() for scores in self.score(concatenate(real, fake)).chunk(2))
        return Loss(
            fake_score - real_score,
            {"real_score": real_score.detach(), "fake_score": fake_score.detach()},
        )

    def generator_loss(self, fake: Batch) -> Loss:
        """See Gan; -E[D(fake)]."""
        return Loss(-self.score(fake).mean(), {})

    def after_discriminator_step(self, loss: Loss) -> None:
        """Bring every parameter back within [-clip, clip]."""
        _clip(self.discriminator, self.options.clip)


@torch.no_grad()
def _clip(critic: nn.Module, clip: float) -> None:
    for parameter in critic.parameters():
        parameter.clamp_(-clip, clip)
