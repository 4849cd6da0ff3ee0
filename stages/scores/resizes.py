"""The resizes and normalisations of published scores, by their names in protocols."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

Resize = Literal["pillow_bicubic", "torch_bicubic"]


def resize_by_pillow(pixels: Tensor, side: int) -> Tensor:
    """Resize images as dgm-eval does: Pillow's bicubic filter with antialiasing, rounded to whole numbers.

    Args:
        pixels: uint8 [N, C, H, W].
        side: S, height and width of the output; other shapes than squares are squeezed.

    Returns:
        float32 [N, C, S, S] in 0..255, on the images' device.

    Source: Stein et al. 2023, dgm_eval/models/dinov2.py; EDM2's `resize_mode='pil'` is the same.
    """
    # Pillow resizes each channel separately, so a grey image gives the same result as one of three equal channels.
    channels = pixels.cpu().numpy().reshape(-1, *pixels.shape[2:])
    resized = [
        np.asarray(Image.fromarray(channel).resize((side, side), Image.Resampling.BICUBIC))
        for channel in channels
    ]
    stacked = torch.from_numpy(np.stack(resized)).to(pixels.device)
    return stacked.view(*pixels.shape[:2], side, side).float()


def resize_by_torch(pixels: Tensor, side: int) -> Tensor:
    """Resize images as EDM2 does: torch's bicubic filter with antialiasing, neither rounded nor clamped to [0, 255].

    Args:
        pixels: uint8 [N, C, H, W].
        side: S, height and width of the output; other shapes than squares are squeezed.

    Returns:
        float32 [N, C, S, S].

    Source: Karras et al. 2024, calculate_metrics.py of EDM2, `resize_mode='torch'`.
    """
    return interpolate(pixels.float(), size=(side, side), mode="bicubic", antialias=True)


RESIZES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "pillow_bicubic": resize_by_pillow,
    "torch_bicubic": resize_by_torch,
}


class Normalisation:
    """A normalisation of pixels in [0, 1] by a mean and a deviation for each of three channels."""

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        """Make a normalisation from the means and the deviations of three channels."""
        self._mean, self._deviation = torch.tensor(mean), torch.tensor(deviation)
        parts = (" ".join(map(str, values)) for values in (mean, deviation))
        self.title = "mean {} deviation {}".format(*parts)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images float32 [N, 1 or 3, S, S] in 0..255; grey ones become three equal channels."""
        mean, deviation = (
            values.view(1, 3, 1, 1).to(images.device) for values in (self._mean, self._deviation)
        )
        return (images.expand(-1, 3, -1, -1) / 255.0 - mean) / deviation


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = Normalisation((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
