"""Make a GPU compute in true float32, without TF32, and with reproducible bits."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_lock = Lock()
_users = 0
_before: tuple[bool, ...] = ()


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """Forbid TF32 and benchmarked or nondeterministic cuDNN kernels in this context, and restore the flags after it.

    The flags belong to the whole process, and several devices compute in parallel threads. So the first thread to enter
    sets the flags, and the last thread to leave restores them.
    """
    if device.type != "cuda":
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _users, _before
    with _lock:
        if _users == 0:
            _before = _read_flags()
            _set_flags(False, False, False, True)
        _users += 1


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            _set_flags(*_before)


def _read_flags() -> tuple[bool, ...]:
    cudnn = torch.backends.cudnn
    return (torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic)


def _set_flags(products: bool, convolutions: bool, benchmark: bool, deterministic: bool) -> None:
    cudnn = torch.backends.cudnn
    torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32 = products, convolutions
    cudnn.benchmark, cudnn.deterministic = benchmark, deterministic
