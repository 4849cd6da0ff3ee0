"""What several GANs of the model zoo add to their discriminator's loss."""

from contextlib import nullcontext

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.common.params import Params
from stages.networks.distributed import sample_local_share
from stages.networks.double_backward import compute_input_gradient
from stages.networks.precision import full_precision


class GradientPenaltyOptions(Params):
    """What section `options.<GAN>` has for a GAN with a gradient penalty.

    Attributes:
        gradient_penalty_weight: lambda of Gulrajani et al. 2017.
        full_precision_penalty: whether the penalty is computed in float32 where all else is in bfloat16.
    """

    gradient_penalty_weight: float = Field(ge=0.0)
    full_precision_penalty: bool


def compute_gradient_penalty(
    discriminator: nn.Module,
    real: Tensor,
    fake: Tensor,
    random: torch.Generator,
    in_full_precision: bool = True,
) -> Tensor:
    """Compute E[(||grad D(x)||_2 - 1)^2] at points x drawn evenly between each real and generated image.

    Source: Gulrajani et al. 2017, Algorithm 1: two-sided.

    Args:
        discriminator: maps images to scores float [N], each image alone.
        real: images float [N, C, H, W] in [-1, 1].
        fake: generated images of the same shape.
        random: source of the points, on the images' device.
        in_full_precision: whether autocast is left for it; under autocast, the network and its gradient are
            computed in bfloat16 otherwise, and norm and mean in float32 all the same.
    """
    share = sample_local_share(
        lambda whole: torch.rand(whole, 1, 1, 1, generator=random, device=real.device), len(real)
    )
    between = torch.lerp(real, fake, share).requires_grad_(True)
    with full_precision(between) if in_full_precision else nullcontext():
        gradient = compute_input_gradient(discriminator, between)
        penalty: Tensor = (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()
    return penalty
