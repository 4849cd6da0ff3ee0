"""Where reduced precision ends: what stays in float32 under autocast."""

import torch
from torch import Tensor


def full_precision(like: Tensor) -> torch.autocast:
    """Switch autocast off, on the device of `like`, for a `with` block; without autocast this changes nothing.

    Power iterations, gradient penalties and cosines between codes lose in bfloat16's 8 bits what they are for.
    """
    return torch.autocast(like.device.type, enabled=False)


def upcast_to_float32(values: Tensor) -> Tensor:
    """Return bfloat16 values as float32, and all others as they are: float64 stays what it is."""
    return values.float() if values.dtype == torch.bfloat16 else values
