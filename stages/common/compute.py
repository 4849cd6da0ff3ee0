"""Device, threads, determinism and seeds of torch; no DVC stage depends on this section of params.yaml."""

import ctypes
import hashlib
import os
import platform
from typing import Literal

import torch
from pydantic import Field
from threadpoolctl import threadpool_limits

from stages.common.errors import InputError
from stages.common.params import Params, load_section

# Linear algebra that is loaded later reads its number of threads from these.
BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class ComputeParams(Params):
    """The section `compute`: where a stage computes. A change of it re-runs nothing; every result records its value."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: int = Field(ge=1, le=1024)
    processes: int = Field(ge=1, le=64)
    images: Literal["auto", "device", "mapped"]


def configure_compute(params: ComputeParams | None = None) -> torch.device:
    """Set the number of threads of torch, NumPy and SciPy, make torch deterministic, and choose the device.

    The device `auto` is CUDA where there is a GPU, else the CPU.

    Args:
        params: the settings; None reads the section `compute` of params.yaml.

    Raises:
        ParamsError: the section is wrong.
        InputError: torch does not find the requested device.
    """
    params = load_section(ComputeParams, "compute") if params is None else params
    set_threads(params.threads)
    keep_freed_memory()
    name = params.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise InputError(
            f"compute.device = {name!r}: torch {torch.__version__} finds no such device here; use auto"
        )
    if name != "cpu":
        _choose_deterministic_kernels()
    allow_tf32(False)
    return torch.device(name)


def set_threads(threads: int) -> None:
    """Set the number of threads of torch, and of the linear algebra of NumPy and SciPy.

    That one takes as many as the machine has cores otherwise, and the last bits of a product depend on them: scores
    would differ between machines.
    """
    torch.set_num_threads(threads)
    os.environ.update(dict.fromkeys(BLAS_VARIABLES, str(threads)))
    threadpool_limits(threads, user_api="blas")


def _choose_deterministic_kernels() -> None:
    """Make torch use kernels that give the same bits every time, and refuse operations without such a kernel.

    This is not called on a CPU: the kernels that we use there are deterministic anyway (tests train twice and compare),
    and the call would make torch import its compiler, which takes each of some fifty short processes two seconds.
    """
    # cuBLAS reads this variable when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # torch would fill new memory to guard against reading it before writing, which we never do; filling takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


def allow_tf32(is_allowed: bool) -> None:
    """Let a GPU round the factors of float32 products to TF32, ten bits of fraction, or forbid it.

    Torch forbids it for matrix products and allows it for convolutions unless it is told otherwise; then what is called
    float32 would be TF32. These are flags of the process and do not start CUDA.
    """
    torch.backends.cuda.matmul.allow_tf32 = is_allowed
    torch.backends.cudnn.allow_tf32 = is_allowed


def keep_freed_memory() -> None:
    """Make glibc keep freed memory blocks instead of returning each to the system and requesting it again.

    Otherwise the kernel would map new pages for every activation; benchmarks/process_settings.py measures the gain.
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold, largest = -1, -3, 1 << 30
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, largest)
        libc.mallopt(trim_threshold, largest)


def describe_compute(device: torch.device) -> dict[str, str | int]:
    """Describe what a result was computed with: device, number of threads, version of torch."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}


def derive_seed(*parts: str | int) -> int:
    """Derive an independent 63-bit seed from a trial's seed and the purpose of the random numbers.

    `derive_seed(0, "epoch", 3)` and `derive_seed(0, "epoch", 4)` are unrelated, and neither depends on how
    many numbers were drawn elsewhere.
    """
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
