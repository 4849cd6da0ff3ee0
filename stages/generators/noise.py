"""Sample the noise of generated images; vector i depends only on the seed and i, not on the generator."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stages.common.compute import derive_seed


def sample_fixed_z(count: int, z_dimension: int, seed: int, is_uniform: bool = False) -> Tensor:
    """Sample the first `count` noise vectors: float32 [count, z_dimension], on the CPU."""
    return sample_z_of(range(count), z_dimension, seed, is_uniform)


def sample_z_of(indices: Sequence[int], z_dimension: int, seed: int, is_uniform: bool = False) -> Tensor:
    """Sample the noise vectors of these indices, each with its own random generator: float32 [N, z_dimension].

    Vector i, on the CPU, is the same for every GAN, setting, snapshot and device, whatever other vectors are sampled.

    Args:
        indices: the indices of the vectors.
        z_dimension: the length of a vector.
        seed: the seed of the trial.
        is_uniform: whether the vectors are uniform in [-1, 1); if not, they are from N(0, I).
    """
    random = torch.Generator()
    vectors = torch.empty(len(indices), z_dimension)
    for row, index in enumerate(indices):
        random.manual_seed(derive_seed(seed, "sample", index))
        if is_uniform:
            torch.rand(z_dimension, generator=random, out=vectors[row]).mul_(2.0).sub_(1.0)
        else:
            torch.randn(z_dimension, generator=random, out=vectors[row])
    return vectors
