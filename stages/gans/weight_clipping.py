"""WGAN with weight clipping: a critic with the Wasserstein loss, whose parameters are all clipped to a small range.

Source: Arjovsky et al. 2017, "Wasserstein GAN", Algorithm 1, with a clip of 0.01. The paper trains with RMSProp; here
the optimiser is the setting's Adam, as in Miyato et al. 2018, Table 2.
"""

import torch
from pydantic import Field
from torch import nn

from stages.networks.gan import GanOptions, Loss
from stages.networks.losses import WASSERSTEIN
from stages.networks.params import NetworksParams
from stages.networks.score_gan import ScoreGan


class Options(GanOptions):
    """The section `options.weight_clipping` of params.yaml."""

    clip: float = Field(gt=0.0)


class GAN(ScoreGan):
    """The clipped critic is K-Lipschitz for some unknown K; nothing is normalised."""

    options: Options
    score_loss = WASSERSTEIN

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the critic with its initial parameters clipped too; see Gan."""
        critic = super().build_discriminator(image_shape, networks)
        _clip(critic, self.options.clip)
        return critic

    def after_discriminator_step(self, loss: Loss) -> None:
        """Clip every parameter to [-clip, clip]."""
        _clip(self.discriminator, self.options.clip)


@torch.no_grad()
def _clip(critic: nn.Module, clip: float) -> None:
    for parameter in critic.parameters():
        parameter.clamp_(-clip, clip)
