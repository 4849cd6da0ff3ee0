"""Which GPUs this machine has, and how a process is shown one of them."""

import os
import re
import shutil
import subprocess


def list_gpus() -> list[dict[str, str]]:
    """List NVIDIA's GPUs, or the slices that they are divided into, as variables that show a process one of them.

    Without a driver there are none. Where CUDA_VISIBLE_DEVICES is set already, the devices that it names are listed.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        return [{"CUDA_VISIBLE_DEVICES": name} for name in names if name and name != "-1"]
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    listed = subprocess.run([command, "--list-gpus"], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        return []
    # nvidia-smi counts GPUs by their place on the bus; CUDA by itself counts the fastest first.
    return [
        {"CUDA_VISIBLE_DEVICES": name, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        for name in read_gpu_list(listed.stdout)
    ]


def read_gpu_list(text: str) -> list[str]:
    """Read what `nvidia-smi --list-gpus` prints: each GPU's index, or the UUIDs of its MIG slices where it has any."""
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
