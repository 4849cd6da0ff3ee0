"""The peak rates that GPUs are specified for, to compare measured rates with."""

from typing import NamedTuple

import torch


class Peak(NamedTuple):
    """The peak rates of a GPU: dense floating-point operations in TFLOP/s, from the vendor's data sheet.

    Attributes:
        float32: the peak without tensor cores.
        bfloat16: the peak of tensor cores in bfloat16.
    """

    float32: float
    bfloat16: float


# The keys are the beginnings of the names that the driver reports; the first that matches counts. The values are from
# NVIDIA's data sheets.
PEAKS = {
    "NVIDIA H100 PCIe": Peak(51.0, 756.0),
    "NVIDIA H100 NVL": Peak(60.0, 835.0),
    "NVIDIA H100": Peak(67.0, 989.0),
    "NVIDIA H200 NVL": Peak(60.0, 835.0),
    "NVIDIA H200": Peak(67.0, 989.0),
    "NVIDIA A100": Peak(19.5, 312.0),
}


def find_peak(name: str) -> Peak | None:
    """Find the peak of a card by its name; None where it is not known."""
    return next((peak for prefix, peak in PEAKS.items() if name.startswith(prefix)), None)


def describe_share(rate: float, precision: str, device: torch.device) -> str:
    """Describe a rate, in operations a second, as a share of the card's peak, to append to a line; "" on a CPU."""
    if device.type != "cuda":
        return ""
    peak = find_peak(torch.cuda.get_device_name(device))
    if peak is None:
        return ", peak of this card unknown"
    highest = peak.bfloat16 if precision == "bfloat16" else peak.float32
    return f", {rate / 1e12 / highest:.0%} of the card's {highest:.0f} TFLOP/s"
