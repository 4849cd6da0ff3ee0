"""GAN with orthonormal regularisation: a penalty that pulls all singular values of every layer towards one.

Source: Brock et al. 2017, "Neural Photo Editing with Introspective Adversarial Networks"; Miyato et al. 2018,
equation 10, which gives no weight for the penalty.
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
    """The penalty is a function of the weights alone; nothing is normalised."""

    options: Options

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """Compute the loss on scores + weight * the sum of the penalties of all layers; see Gan."""
        loss = super().discriminator_loss(real, fake, random)
        layers = [layer for layer in self.discriminator.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        with full_precision(fake.images):
            penalty = torch.stack([compute_orthonormality(layer.weight) for layer in layers]).sum()
        total = loss.total + self.options.orthonormal_weight * penalty
        return Loss(total, loss.diagnostics | {"orthonormal_penalty": penalty.detach()})


def compute_orthonormality(weight: Tensor) -> Tensor:
    """Compute the scalar ||W W^T - I||_F^2 or ||W^T W - I||_F^2, whichever product is the smaller matrix.

    W is the weight as a matrix [out, everything else]. The two penalties differ by a constant, the difference between
    the numbers of rows and columns, so they have the same gradient. The one with the smaller matrix is the sum of
    (s^2 - 1)^2 over the singular values s of W.
    """
    matrix = weight.flatten(1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    gram = matrix @ matrix.T
    return (gram - torch.eye(len(gram), device=gram.device)).square().sum()
