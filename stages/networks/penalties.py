"""What several GANs of the shelf add to their discriminator's loss."""

import torch
from torch import Tensor, nn

from stages.networks.precision import full_precision
from stages.networks.shares import draw_share
from stages.networks.twice import differentiate


def measure_gradient_penalty(
    discriminator: nn.Module, real: Tensor, fake: Tensor, random: torch.Generator
) -> Tensor:
    """Compute E[(||grad D(x)||_2 - 1)^2] at points x drawn evenly between each real and generated image.

    Source: Gulrajani et al. 2017, Algorithm 1: two-sided.

    Args:
        discriminator: maps images to scores float [N], each image alone.
        real: images float [N, C, H, W] in [-1, 1].
        fake: generated images of the same shape.
        random: source of the points, on the images' device.
    """
    share = draw_share(
        lambda whole: torch.rand(whole, 1, 1, 1, generator=random, device=real.device), len(real)
    )
    between = torch.lerp(real, fake, share).requires_grad_(True)
    with full_precision(between):
        gradient = differentiate(discriminator, between)
        penalty: Tensor = (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()
    return penalty
