"""Describe the machine on which a trial was trained: what may change the last bits of its results, or how long it took.

Nothing depends on these records: they are beside the times, in `timings/`, which neither Git nor DVC tracks. A training
that DVC restored or pulled may have none.
"""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path

from stages.common.artifacts import METRICS_LOG, TIMINGS, TRAINING, Trial, timings_file, write_json

FOLDER = TIMINGS / "machines"
# What makes two machines one kind of hardware.
KIND = ("gpu", "cpu", "instruction_sets", "torch")
CPU_INFO = Path("/proc/cpuinfo")
# The instruction sets by which numerical libraries choose their kernels.
INSTRUCTION_SETS = re.compile(r"^(avx\w*|fma|sse4_2|amx\w*|asimd\w*|sve\w*)$")
DRIVER_QUERY = ("--query-gpu=name,driver_version", "--format=csv,noheader")


@cache
def describe_machine() -> dict[str, str]:
    """Return the host's name, its CPU, the CPU's instruction sets, GPUs with their driver, and torch's version."""
    model, flags = read_cpu_info(CPU_INFO.read_text(errors="replace") if CPU_INFO.exists() else "")
    return {
        "host": socket.gethostname(),
        "cpu": model or platform.processor() or platform.machine(),
        "instruction_sets": flags,
        "gpu": read_gpus(),
        "torch": read_version("torch"),
        "job": os.environ.get("SLURM_JOB_ID", ""),
    }


def record_machine(stage: str, machine: dict[str, str]) -> None:
    """Record where a trial was trained, if that is what a stage did; its results are on disk.

    Args:
        stage: as DVC names it, such as `train@sngan-A-0`.
        machine: see `describe_machine`.
    """
    kind, _, name = stage.partition("@")
    if kind == "train":
        gan, setting, seed = name.rsplit("-", 2)
        write_json(machine_file(Trial(gan, setting, int(seed))), machine)


def read_machine(trial: Trial) -> dict[str, str]:
    """Read where the training whose results are on disk ran; empty where that is not known."""
    try:
        content = json.loads(machine_file(trial).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def machine_file(trial: Trial) -> Path:
    """Return the path of the record of the training whose results are on disk, by its log's content."""
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
    """Return name and driver of each NVIDIA GPU; "" where there is none."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    listed = subprocess.run([command, *DRIVER_QUERY], capture_output=True, text=True, check=False)
    return "; ".join(listed.stdout.splitlines()) if listed.returncode == 0 else ""


def read_version(package: str) -> str:
    """Return the version of an installed package, with its build; "" where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def describe_mixture(trials: Iterable[Trial]) -> str:
    """Say that trials were trained on different hardware, and which GANs cannot be told from it.

    Args:
        trials: of the comparison; those whose machine is not known are left out.

    Returns:
        A sentence or two; "" where all known machines are of one kind.
    """
    kinds: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for trial in trials:
        if (TRAINING / trial.name / METRICS_LOG).exists() and (machine := read_machine(trial)):
            kind = ", ".join(machine[key] for key in KIND if machine.get(key))
            kinds.setdefault(trial.gan, set()).add(kind)
            counts[kind] += 1
    if len(counts) < 2:
        return ""
    listed = "; ".join(f"{count} on {kind}" for kind, count in counts.most_common())
    apart = [
        f"{one} and {other}"
        for one, other in combinations(sorted(kinds), 2)
        if kinds[one].isdisjoint(kinds[other])
    ]
    confounded = (
        f" No machine trained both of {', '.join(apart)}: what differs between them may be the hardware's."
        if apart
        else ""
    )
    return f"The trials were trained on different hardware, which changes last bits and times: {listed}.{confounded}"
