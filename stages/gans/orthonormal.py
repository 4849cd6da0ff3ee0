"""GAN with orthonormal regularisation: a penalty that pulls all singular values of every layer towards one.

Source: Brock et al. 2017, "Neural Photo Editing with Introspective Adversarial Networks"; Miyato et al. 2018,
equation 10, which names no weight.
"""

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.networks.gan import Batch, Loss
from stages.networks.precision import full_precision
from stages.networks.score_gan import ScoreGan, ScoreGanOptions


class Options(ScoreGanOptions):
    """The section `options.orthonormal` of params.yaml."""

    orthonormal_weight: float = Field(ge=0.0)


class GAN(ScoreGan):
    """The penalty is on the weights alone; nothing is normalised."""

    options: Options

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """See Gan; the loss on scores + weight * sum of the layers' penalties."""
        loss = super().discriminator_loss(real, fake, random)
        layers = [layer for layer in self.discriminator.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        with full_precision(fake.images):
            penalty = torch.stack([compute_orthonormality(layer.weight) for layer in layers]).sum()
        total = loss.total + self.options.orthonormal_weight * penalty
        return Loss(total, loss.diagnostics | {"orthonormal_penalty": penalty.detach()})


def compute_orthonormality(weight: Tensor) -> Tensor:
    """Compute ||W W^T - I||_F^2 or ||W^T W - I||_F^2, whichever matrix is smaller, as a scalar.

    W is the weight as a matrix [out, everything else]. The two differ by a constant, the difference of W's sides,
    so they have the same gradient; with s the singular values, the smaller is the sum of (s^2 - 1)^2.
    """
    matrix = weight.flatten(1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    gram = matrix @ matrix.T
    return (gram - torch.eye(len(gram), device=gram.device)).square().sum()
