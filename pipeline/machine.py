"""Describe the machine that trained a trial: the properties that may change its results' last bits or its duration.

No stage depends on these records. They are in `timings/`, which neither Git nor DVC tracks. A training that DVC
restored or pulled may have none.
"""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

from stages.common.artifacts import TIMINGS, Trial, timings_file, write_json

FOLDER = TIMINGS / "machines"
# Two machines are of one kind of hardware if these fields are equal.
KIND = ("gpu", "cuda", "cudnn", "cpu", "instruction_sets", "torch")
CPU_INFO = Path("/proc/cpuinfo")
# The instruction sets by which numerical libraries choose their kernels.
INSTRUCTION_SETS = re.compile(r"^(avx\w*|fma|sse4_2|amx\w*|asimd\w*|sve\w*)$")
# A line of torch/version.py, which has the build that the package's metadata lacks. It is read as text, because
# pipeline/ never imports torch.
TORCH_LINE = r"^{name}\b[^=]*= *'([^']+)'"
DRIVER_QUERY = ("--query-gpu=name,driver_version", "--format=csv,noheader")


@cache
def describe_machine() -> dict[str, str]:
    """Return this machine's host, CPU, instruction sets, GPUs with driver, CUDA and cuDNN, torch's build, and the job.

    The versions of CUDA and cuDNN are those that torch brings, or "" without a GPU.
    """
    model, flags = read_cpu_info(CPU_INFO.read_text(errors="replace") if CPU_INFO.exists() else "")
    gpus = read_gpus()
    return {
        "host": os.environ.get("SLURMD_NODENAME") or socket.gethostname(),
        "cpu": model or platform.processor() or platform.machine(),
        "instruction_sets": flags,
        "gpu": gpus,
        "cuda": read_torch("cuda", "CUDA ") if gpus else "",
        "cudnn": find_cudnn_version() if gpus else "",
        "torch": read_torch("__version__"),
        "job": os.environ.get("SLURM_JOB_ID", ""),
    }


def record_machine(stage: str, machine: dict[str, str]) -> None:
    """Record which machine trained a trial, if the stage was a training; its results must be on disk.

    Args:
        stage: the stage, as DVC names it, such as `train@sngan-A-0`.
        machine: the machine's description; see `describe_machine`.
    """
    kind, _, name = stage.partition("@")
    if kind == "train":
        gan, setting, seed = name.rsplit("-", 2)
        write_json(machine_file(Trial(gan, setting, int(seed))), machine)


def read_machine(trial: Trial) -> dict[str, str]:
    """Read which machine ran the training whose results are on disk; empty if that is not known."""
    try:
        content = json.loads(machine_file(trial).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def machine_file(trial: Trial) -> Path:
    """Return the path of the machine record of the training on disk; its name is a hash of the training's log."""
    return FOLDER / trial.name / f"{timings_file(trial).stem}.json"


def read_cpu_info(text: str) -> tuple[str, str]:
    """Read the first CPU's model, and its instruction sets in alphabetical order, from /proc/cpuinfo's text."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    return fields.get("model name", ""), " ".join(
        sorted(flag for flag in set(flags) if INSTRUCTION_SETS.match(flag))
    )


def read_gpus() -> str:
    """Return the name and the driver of each NVIDIA GPU; "" if there is none."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    listed = subprocess.run([command, *DRIVER_QUERY], capture_output=True, text=True, check=False)
    return "; ".join(listed.stdout.splitlines()) if listed.returncode == 0 else ""


def read_torch(name: str, prefix: str = "") -> str:
    """Return a version from the installed torch's torch/version.py, after a prefix; "" if it is missing there.

    Args:
        name: `__version__`, or `cuda` for the version of CUDA that torch was built for.
        prefix: a word to put before the number, such as "CUDA ".
    """
    try:
        text = Path(str(distribution("torch").locate_file("torch/version.py"))).read_text(encoding="utf-8")
    except (PackageNotFoundError, OSError):
        return ""
    found = re.search(TORCH_LINE.format(name=name), text, re.MULTILINE)
    return f"{prefix}{found[1]}" if found else ""


def find_cudnn_version() -> str:
    """Return the version of the cuDNN package that torch brings, such as `cuDNN 9.24.0.43`; "" if there is none."""
    versions = [one.version for one in distributions() if (one.name or "").startswith("nvidia-cudnn-")]
    return f"cuDNN {versions[0]}" if versions else ""
