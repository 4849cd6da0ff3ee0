"""Device, threads, determinism and seeds of torch. No DVC stage depends on the section `compute` of params.yaml."""

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

# A linear algebra library that is loaded later reads its number of threads from these variables.
BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class ComputeParams(Params):
    """The section `compute` of params.yaml: where stages compute. A change re-runs no stage; results record it."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: int = Field(ge=1, le=1024)
    processes: int = Field(default=1, ge=1, le=64)
    images: Literal["auto", "device", "mapped"]


def configure_compute(params: ComputeParams | None = None) -> torch.device:
    """Set the number of threads of torch, NumPy and SciPy, make torch deterministic, and choose the device.

    The device `auto` is CUDA where there is a GPU, else the CPU.

    Args:
        params: the settings; None reads the section `compute` of params.yaml.

    Raises:
        ParamsError: the section is wrong.
        InputError: torch does not find the device.
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

    By default the linear algebra uses one thread for each core. The last bits of a product depend on the number of
    threads, so scores would differ between machines.
    """
    torch.set_num_threads(threads)
    os.environ.update(dict.fromkeys(BLAS_VARIABLES, str(threads)))
    threadpool_limits(threads, user_api="blas")


def _choose_deterministic_kernels() -> None:
    """Make torch use kernels that give the same bits every time, and refuse operations without such a kernel.

    This is not called on a CPU. The kernels that we use there are deterministic anyway (tests train twice and compare),
    and the call would make torch import its compiler, which costs each of some fifty short processes two seconds.
    """
    # cuBLAS reads this variable when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # By default torch would fill new memory, to guard against reads before the first write. We have none, and filling
    # takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


def allow_tf32(is_allowed: bool) -> None:
    """Allow or forbid that a GPU rounds the factors of float32 products to TF32, which has ten bits of fraction.

    By default torch forbids it for matrix products and allows it for convolutions, so that a run in float32 would
    really use TF32. Setting these flags of the process does not initialise CUDA.
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
    """Return the device, the number of threads and the version of torch that a result is computed with."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}


def derive_seed(*parts: str | int) -> int:
    """Derive an independent 63-bit seed from a trial's seed and the purpose of the random numbers.

    `derive_seed(0, "epoch", 3)` and `derive_seed(0, "epoch", 4)` are unrelated, and neither depends on how
    many numbers were drawn elsewhere.
    """
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
