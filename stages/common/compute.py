"""The machine's part of a run: device, threads, seeds. The one section of params.yaml that no stage depends on."""

import ctypes
import hashlib
import os
import platform
from typing import Literal

import torch
from pydantic import Field

from stages.common.params import Params, load_section


class ComputeParams(Params):
    """Where the work runs. Changing it re-runs nothing; every result records what it was."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: int = Field(ge=1, le=1024)
    images: Literal["auto", "device", "mapped"]


def configure_compute(params: ComputeParams | None = None) -> torch.device:
    """Set up torch's threads and determinism, and choose the device.

    `auto` takes CUDA where there is a GPU, else the CPU.

    Args:
        params: what to set up; None reads the `compute` section.

    Raises:
        ParamsError: the section is wrong.
        ValueError: the device asked for is not to be had.
    """
    params = load_section(ComputeParams, "compute") if params is None else params
    torch.set_num_threads(params.threads)
    keep_freed_memory()
    name = params.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise ValueError(
            f"compute.device = {name!r}: torch {torch.__version__} finds no such device here; use auto"
        )
    if name != "cpu":
        _choose_deterministic_kernels()
    allow_tf32(False)
    return torch.device(name)


def _choose_deterministic_kernels() -> None:
    """Have torch use kernels that give the same bits every time, and refuse operations that have none.

    The CPU's kernels that we use do so anyway (tests train twice and compare), and asking for it there would
    make torch import its compiler, two seconds for each of some fifty short processes.
    """
    # cuBLAS reads this when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling new memory guards against reading it unwritten; it costs time and we never do.
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
    """Have glibc keep freed blocks instead of returning each to the system and asking for it again.

    Every activation would otherwise be new pages to the kernel; benchmarks/process_settings.py measures the gain.
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold, largest = -1, -3, 1 << 30
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, largest)
        libc.mallopt(trim_threshold, largest)


def describe_compute(device: torch.device) -> dict[str, str | int]:
    """Name what a result was computed on: device, threads, torch version."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}


def derive_seed(*parts: str | int) -> int:
    """Derive an independent 63-bit seed from a run's seed and what the randomness is for.

    `derive_seed(0, "epoch", 3)` and `derive_seed(0, "epoch", 4)` are unrelated, and neither depends on how
    many numbers were drawn elsewhere.
    """
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
