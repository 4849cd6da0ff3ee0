"""Find the nearest training image of each sample and each held-out image, by pixels and by features."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.nearest.search import NearestNeighbourSearch
from stages.scores.extractor import IMAGES_AT_A_TIME, Extractor

Images = NDArray[np.uint8]
"""uint8 [N, C, H, W]."""


class Neighbours(NamedTuple):
    """Each query's nearest training image in one space.

    Attributes:
        indices: int64 [N], the indices of the nearest images in the train split.
        distances: float64 [N]; for pixels the root mean square difference on the scale 0..255, for features the
            Euclidean distance.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]


Spaces = dict[str, Neighbours]
"""The neighbours by the name of the space, `pixels` or `features`."""


def find_nearest(
    queries: Mapping[str, Images], train: Images, extractor: Extractor, device: torch.device
) -> dict[str, Spaces]:
    """Find the nearest training image of every query in one pass over the train split.

    Args:
        queries: sets of images by name.
        train: the images that the generators were trained on, which may be mapped from a file.
        extractor: the network that computes the features.
        device: the device that computes the distances.

    Returns:
        For each set, by name, its images' neighbours in the spaces `pixels` and `features`.

    Raises:
        InputError: the extractor's features of an image are not finite, so that the image has no nearest neighbour.
    """
    images = np.concatenate(list(queries.values()))
    features = np.concatenate([_check_finite(part) for part, _ in extractor.extract(images)])
    searches = {
        "pixels": NearestNeighbourSearch(_flatten(images, device)),
        "features": NearestNeighbourSearch(torch.from_numpy(features).to(device)),
    }
    for number, (part, _) in enumerate(extractor.extract(train)):
        start = number * IMAGES_AT_A_TIME
        searches["pixels"].add(_flatten(train[start : start + IMAGES_AT_A_TIME], device))
        searches["features"].add(torch.from_numpy(_check_finite(part)).to(device))
    # Euclidean distances of pixels, divided by the root of their number, are root mean square differences.
    scales = {"pixels": float(np.sqrt(images[0].size)), "features": 1.0}
    edges = np.cumsum([len(query) for query in queries.values()])[:-1]
    found: dict[str, Spaces] = {name: {} for name in queries}
    for space, search in searches.items():
        indices = np.split(search.indices.cpu().numpy(), edges)
        distances = np.split(search.distances.cpu().numpy() / scales[space], edges)
        for name, *pair in zip(queries, indices, distances, strict=True):
            found[name][space] = Neighbours(*pair)
    return found


def _check_finite(features: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(features).all():
        raise InputError(
            "the extractor's features of some images are not finite, because of its weights or their precision: make "
            "the extractor anew, or compute in float32"
        )
    return features


def _flatten(images: Images, device: torch.device) -> torch.Tensor:
    flat = np.array(images, dtype=np.float32).reshape(len(images), -1)
    return torch.from_numpy(flat).to(device)
