"""Keep computations in float32 under autocast."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """Return a context manager that disables autocast on the device of `like`, if it is enabled.

    Power iterations, gradient penalties and cosines between codes need more than the 8 significant bits of bfloat16.
    """
    device = like.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def upcast_to_float32(values: Tensor) -> Tensor:
    """Convert bfloat16 values to float32; float32 and float64 values are returned unchanged."""
    return values.float() if values.dtype == torch.bfloat16 else values
