"""Interpolate between noise vectors; if a generator has memorised images, its images change abruptly in between."""

import torch
from torch import Tensor

# If the sine of the angle between two vectors is smaller, they do not define a great circle.
LEAST_SINE = 1e-4


def interpolate_z(starts: Tensor, ends: Tensor, columns: int) -> Tensor:
    """Interpolate from each start to its end along a great circle, in equal steps.

    A straight line would pass near the origin, where high-dimensional noise almost never lies.

    Args:
        starts: float32 [R, Z].
        ends: float32 [R, Z].
        columns: number of vectors for each pair, both ends included; 2 or more.

    Returns:
        float32 [R * columns, Z], pair by pair.

    Source: Shoemake 1985, "Animating rotation with quaternion curves", section 3.3; White 2016, "Sampling generative
        networks", section 3.1, for noise.
    """
    shares = torch.linspace(0.0, 1.0, columns).reshape(1, columns, 1)
    cosines = torch.cosine_similarity(starts, ends, dim=1).clamp(-1.0, 1.0)
    angles = torch.arccos(cosines).reshape(-1, 1, 1)
    sines = torch.sin(angles)
    is_line = sines < LEAST_SINE
    safe = torch.where(is_line, torch.ones_like(sines), sines)
    first = torch.where(is_line, 1.0 - shares, torch.sin((1.0 - shares) * angles) / safe)
    second = torch.where(is_line, shares, torch.sin(shares * angles) / safe)
    between = first * starts[:, None] + second * ends[:, None]
    return between.reshape(-1, starts.shape[1])
