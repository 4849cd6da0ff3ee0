"""Convert pixels to network input and network output to pixels; no other module does this."""

import torch
from torch import Tensor


def pixels_to_tensor(pixels: Tensor) -> Tensor:
    """Turn stored pixels into network input.

    Args:
        pixels: uint8, any shape, in 0..255.

    Returns:
        float32 of the same shape in [-1, 1]; 0 becomes -1 and 255 becomes 1.
    """
    return pixels.to(torch.float32).sub_(127.5).div_(127.5)


def tensor_to_pixels(images: Tensor) -> Tensor:
    """Turn network output into pixels by a fixed affine map and rounding.

    The map is the same for every image, unlike the report's, which stretched each image's contrast to its own minimum
    and maximum. It rounds, because a truncating cast would change 63 of the 256 values by one.

    Args:
        images: floating point, any shape; values outside [-1, 1] are clamped.

    Returns:
        uint8 of the same shape. `tensor_to_pixels(pixels_to_tensor(p)) == p` for all 256 values.
    """
    return images.to(torch.float32).mul(127.5).add_(127.5).round_().clamp_(0, 255).to(torch.uint8)
