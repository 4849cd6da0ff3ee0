"""Generate images such that image i depends only on the generator, the seed and i."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stages.common.artifacts import Trial
from stages.common.pixels import tensor_to_pixels
from stages.networks.architectures import build_generator
from stages.networks.generator import Generator
from stages.networks.params import NetworksParams
from stages.networks.snapshots import load_snapshot

# Convolutions may round differently for other batch sizes, so every batch has this number of images; the last one is
# padded.
IMAGES_AT_A_TIME = 100


def load_generator(
    trial: Trial,
    file: str,
    image_shape: tuple[int, int, int],
    networks: NetworksParams,
    device: torch.device,
    class_count: int | None = None,
) -> Generator:
    """Load a snapshot's generator in evaluation mode, in which batch norm uses its running statistics.

    Raises:
        InputError: the file is missing, is damaged, or belongs to another network.
    """
    generator = build_generator(image_shape, networks, class_count)
    load_snapshot(generator, trial, file)
    return generator.to(device).to(memory_format=torch.channels_last).eval()


def assign_labels(count: int, class_count: int | None) -> Tensor | None:
    """Assign image i the class i modulo `class_count`: int64 [count], or None where there are no classes."""
    return None if class_count is None else torch.arange(count) % class_count


@torch.inference_mode()
def generate_images(
    generator: Generator, z: Tensor, device: torch.device, labels: Tensor | None = None
) -> NDArray[np.uint8]:
    """Generate one image from each noise vector.

    Args:
        generator: the generator in evaluation mode, on `device`.
        z: float32 [N, z_dimension].
        device: where the generator computes.
        labels: int64 [N], for the generator of a conditional GAN.

    Returns:
        uint8 [N, C, H, W].
    """
    count = len(z)
    missing = -count % IMAGES_AT_A_TIME
    z_parts = _pad(z, missing).split(IMAGES_AT_A_TIME)
    label_parts = [None] * len(z_parts) if labels is None else _pad(labels, missing).split(IMAGES_AT_A_TIME)
    images = [
        tensor_to_pixels(generator(part.to(device), None if classes is None else classes.to(device))).cpu()
        for part, classes in zip(z_parts, label_parts, strict=True)
    ]
    return torch.cat(images)[:count].contiguous().numpy()


def _pad(values: Tensor, missing: int) -> Tensor:
    """Append `missing` zeros along the first axis."""
    return torch.cat([values, values.new_zeros(missing, *values.shape[1:])])
