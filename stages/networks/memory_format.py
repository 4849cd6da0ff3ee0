"""View weights in the channels-last or the contiguous layout as matrices, without a copy."""

import torch
from torch import Tensor


def is_channels_last(tensor: Tensor) -> bool:
    """Return whether a tensor [N, C, H, W] is laid out channels-last and not contiguously."""
    return not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)


def get_memory_format(tensor: Tensor) -> torch.memory_format:
    """Return the layout of a tensor: torch.channels_last or torch.contiguous_format."""
    return torch.channels_last if is_channels_last(tensor) else torch.contiguous_format


def weight_to_matrix(weight: Tensor) -> Tensor:
    """View a weight [out, in, ...] as a matrix [out, everything else] in the order of its memory.

    The columns of a channels-last weight are a permutation of those of `weight.flatten(1)`, so the singular values are
    the same.
    """
    return weight.movedim(1, -1).flatten(1) if is_channels_last(weight) else weight.flatten(1)


def matrix_to_weight(matrix: Tensor, like: Tensor) -> Tensor:
    """View a matrix in the column order of `weight_to_matrix` as a weight with the shape and layout of `like`."""
    if not is_channels_last(like):
        return matrix.view(like.shape)
    out, inner, *window = like.shape
    return matrix.view(out, *window, inner).movedim(-1, 1)


def vector_to_memory_order(vector: Tensor, weight: Tensor) -> Tensor:
    """Reorder a vector from the columns of `weight.flatten(1)` to those of `weight_to_matrix(weight)`."""
    if not is_channels_last(weight):
        return vector
    return vector.view(weight.shape[1:]).movedim(0, -1).flatten()


def vector_from_memory_order(vector: Tensor, weight: Tensor) -> Tensor:
    """Reorder a vector from the columns of `weight_to_matrix(weight)` to those of `weight.flatten(1)`."""
    if not is_channels_last(weight):
        return vector
    _, inner, *window = weight.shape
    return vector.view(*window, inner).movedim(-1, 0).flatten()
