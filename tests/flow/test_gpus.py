import os
from pathlib import Path

import pytest

from pipeline.flow.gpus import list_gpus, read_gpu_list

PLAIN = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1f0c)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-2f0c)
"""
SLICED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1f0c)
  MIG 3g.20gb     Device  0: (UUID: MIG-aaaa-1)
  MIG 3g.20gb     Device  1: (UUID: MIG-bbbb-2)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-2f0c)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-3f0c)
  MIG 7g.40gb     Device  0: (UUID: MIG-cccc-3)
"""


@pytest.mark.parametrize(
    ("listed", "expected"),
    [(PLAIN, ["0", "1"]), (SLICED, ["MIG-aaaa-1", "MIG-bbbb-2", "1", "MIG-cccc-3"]), ("", [])],
)
def test_a_gpu_is_named_by_its_index_and_a_divided_one_by_its_slices(
    listed: str, expected: list[str]
) -> None:
    assert read_gpu_list(listed) == expected


def test_an_index_is_meant_in_the_order_of_nvidia_smi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text(f"#!/bin/sh\ncat <<'END'\n{PLAIN}END\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert list_gpus() == [
        {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
    ]


def test_devices_that_the_user_names_keep_their_names_and_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, MIG-aaaa-1,-1")
    assert list_gpus() == [{"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "MIG-aaaa-1"}]
