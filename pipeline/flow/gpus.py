"""List this machine's GPUs, with the environment variables that make only one of them visible to a process."""

import os
import re
import shutil
import subprocess

from stages.common.errors import InputError

VISIBLE = "CUDA_VISIBLE_DEVICES"


def list_gpus() -> list[dict[str, str]]:
    """List the NVIDIA GPUs, or their MIG slices, as environment variables that make one of them visible.

    The list is empty without a driver. If CUDA_VISIBLE_DEVICES is already set, the devices that it names are listed.
    """
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        return [{VISIBLE: name} for name in names if name and name != "-1"]
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    listed = subprocess.run([command, "--list-gpus"], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        return []
    # nvidia-smi numbers GPUs by their PCI bus id. CUDA's default numbers the fastest GPU first.
    return [{VISIBLE: name, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"} for name in read_gpu_list(listed.stdout)]


def group_gpus(gpus: list[dict[str, str]], count: int) -> list[dict[str, str]]:
    """Group GPUs so that `count` of them are visible together; GPUs that do not fill a group are left out.

    Args:
        gpus: the environment variables that make one GPU visible, for each GPU.
        count: the number of processes of a training, each of which needs one GPU.

    Returns:
        The environment variables that make the GPUs of a group visible, for each group.

    Raises:
        InputError: there are fewer GPUs than `count`.
    """
    if len(gpus) < count:
        raise InputError(
            f"compute.processes = {count}: each process needs a GPU, and there are {len(gpus)}; lower it, or set "
            "compute.device = cpu"
        )
    groups = [gpus[first : first + count] for first in range(0, len(gpus) - count + 1, count)]
    names = [",".join(gpu[VISIBLE] for gpu in group) for group in groups]
    return [group[0] | {VISIBLE: name} for group, name in zip(groups, names, strict=True)]


def read_gpu_list(text: str) -> list[str]:
    """Parse the output of `nvidia-smi --list-gpus`: each GPU's index, or the UUIDs of its MIG slices if it has any."""
    names: list[str] = []
    index = ""
    for line in text.splitlines():
        if gpu := re.match(r"GPU (\d+):", line):
            index = gpu[1]
            names.append(index)
        elif part := re.match(r"\s+MIG .*\(UUID: (MIG-[^)]+)\)", line):
            if names[-1] == index:
                names.pop()
            names.append(part[1])
    return names
