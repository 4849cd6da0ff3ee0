"""The gradient penalty of WGAN-GP, which several GANs of the model zoo add to the discriminator's loss."""

from contextlib import nullcontext

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.networks.distributed import sample_local_share
from stages.networks.double_backward import compute_input_gradient
from stages.networks.gan import GanOptions
from stages.networks.precision import full_precision


class GradientPenaltyOptions(GanOptions):
    """The options of every GAN with a gradient penalty.

    Attributes:
        gradient_penalty_weight: lambda of Gulrajani et al. 2017.
        full_precision_penalty: whether the penalty is computed in float32 even if everything else is in bfloat16.
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
    """Compute E[(||grad D(x)||_2 - 1)^2] at points x sampled uniformly between each real and each generated image.

    Source: Gulrajani et al. 2017, Algorithm 1, the two-sided penalty.

    Args:
        discriminator: maps images to scores float [N]; no score may depend on another image.
        real: images float [N, C, H, W] in [-1, 1].
        fake: generated images of the same shape.
        random: the random generator of the points, on the images' device.
        in_full_precision: whether to disable autocast. Otherwise, under autocast, the network and its gradient are
            computed in bfloat16; the norm and the mean are always computed in float32.

    Returns:
        A scalar.
    """
    share_of_fake = sample_local_share(
        lambda count: torch.rand(count, 1, 1, 1, generator=random, device=real.device), len(real)
    )
    interpolated = torch.lerp(real, fake, share_of_fake).requires_grad_(True)
    with full_precision(interpolated) if in_full_precision else nullcontext():
        gradient = compute_input_gradient(discriminator, interpolated)
        penalty: Tensor = (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()
    return penalty
