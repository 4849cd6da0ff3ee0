"""Which computations stay in float32 under autocast."""

import torch
from torch import Tensor


def full_precision(like: Tensor) -> torch.autocast:
    """Return a context manager that disables autocast on the device of `like`.

    Power iterations, gradient penalties and cosines between codes need more than the 8 significant bits of bfloat16.
    """
    return torch.autocast(like.device.type, enabled=False)


def upcast_to_float32(values: Tensor) -> Tensor:
    """Return bfloat16 values as float32; float32 and float64 values stay what they are."""
    return values.float() if values.dtype == torch.bfloat16 else values
