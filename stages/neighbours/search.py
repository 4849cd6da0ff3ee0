"""Seek the nearest training image of samples and of held-out images, among pixels and among features."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from stages.neighbours.nearest import NearestSeeker
from stages.scores.extractor import IMAGES_AT_A_TIME, Extractor

Images = NDArray[np.uint8]
"""uint8 [N, C, H, W]."""


class Found(NamedTuple):
    """Each query's nearest training image in one space.

    Attributes:
        indices: int64 [N], into the train split.
        distances: float64 [N]; among pixels the root mean square difference on the scale 0..255, among features
            Euclidean.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]


Spaces = dict[str, Found]
"""What was found, by the name of the space."""


def find_nearest(
    queries: Mapping[str, Images], train: Images, extractor: Extractor, device: torch.device
) -> dict[str, Spaces]:
    """Find the nearest training image of every query, all of them in one walk over the train split.

    Args:
        queries: sets of images by name.
        train: the images that the generators were trained on; may be mapped from a file.
        extractor: whose features are compared.
        device: where to compare.

    Returns:
        By the sets' names, what was found among `pixels` and among `features`.
    """
    everything = np.concatenate(list(queries.values()))
    features = np.concatenate([part for part, _ in extractor.extract(everything)])
    seekers = {
        "pixels": NearestSeeker(_flatten(everything, device)),
        "features": NearestSeeker(torch.from_numpy(features).to(device)),
    }
    for number, (part, _) in enumerate(extractor.extract(train)):
        start = number * IMAGES_AT_A_TIME
        seekers["pixels"].show(_flatten(train[start : start + IMAGES_AT_A_TIME], device))
        seekers["features"].show(torch.from_numpy(part).to(device))
    # The distance of two images of D values in 0..255 becomes a difference a value.
    scales = {"pixels": float(np.sqrt(everything[0].size)), "features": 1.0}
    edges = np.cumsum([len(images) for images in queries.values()])[:-1]
    found: dict[str, Spaces] = {name: {} for name in queries}
    for space, seeker in seekers.items():
        indices = np.split(seeker.indices.cpu().numpy(), edges)
        distances = np.split(seeker.distances.cpu().numpy() / scales[space], edges)
        for name, *pair in zip(queries, indices, distances, strict=True):
            found[name][space] = Found(*pair)
    return found


def _flatten(images: Images, device: torch.device) -> torch.Tensor:
    flat = np.array(images, dtype=np.float32).reshape(len(images), -1)
    return torch.from_numpy(flat).to(device)
