"""The bilinear resize of TensorFlow 1, with which the published FIDs of the original network were computed."""

import torch
from torch import Tensor


def resize_bilinear(pixels: Tensor, side: int) -> Tensor:
    """Resize images to a square as `tf.image.resize_bilinear` of TensorFlow 1 does by default.

    Pixel i of the output is interpolated at i * (input size / side) of the input, so neither the corners nor the pixel
    centres of both are aligned, and a smaller output averages nothing. Rows are interpolated before columns, each row
    once, with the same float32 operations as TensorFlow's kernel, so that the result has the same bits.

    Args:
        pixels: uint8 [N, C, H, W].
        side: S, height and width of the output.

    Returns:
        float32 [N, C, S, S] in 0..255.

    Source: tensorflow/core/kernels/resize_bilinear_op.cc and image_resizer_state.h of TensorFlow 1.
    """
    images = pixels.float()
    if tuple(pixels.shape[2:]) == (side, side):
        return images
    for dimension in (3, 2):
        low, high, weight = _find_neighbours(images.shape[dimension], side, pixels.device)
        shape = [-1 if axis == dimension else 1 for axis in range(4)]
        first = images.index_select(dimension, low)
        images = images.index_select(dimension, high).sub_(first).mul_(weight.view(shape)).add_(first)
    return images


def _find_neighbours(size: int, side: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Find for each of `side` pixels its two neighbours among `size` and the weight of the second, in [0, 1)."""
    place = torch.arange(side, dtype=torch.float32, device=device) * torch.tensor(size / side, device=device)
    low = place.long()
    return low, (low + 1).clamp_max(size - 1), place - low
