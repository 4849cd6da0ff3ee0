"""The statistics of the real images that generated ones are compared with, and the files that hold them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from stages.common.artifacts import explain_read_errors, images_file, read_images, write_bytes
from stages.scores.extractor import Extractor, Images
from stages.scores.feature_statistics import (
    FeatureRequest,
    NameImage,
    extract_statistics,
    name_by_index,
    sample_indices,
)
from stages.scores.feature_variation import check_variation
from stages.scores.features import Features
from stages.scores.moments import Moments, read_moments, write_moments
from stages.scores.params import ScoresParams

MOMENTS = "moments.safetensors"
FEATURES = "features.safetensors"


class ReferenceStatistics(NamedTuple):
    """The statistics of real images from which every score is computed.

    Attributes:
        source: the images' split, or the name of their set.
        moments: of the features of all images, for FID.
        features: float32 [compared_count, D], of the images that the other scores compare.
    """

    source: str
    moments: Moments
    features: Features


def read_real_images(split: str, count: int | None, seed: int) -> NDArray[np.uint8]:
    """Read the images of a prepared split, uint8 [N, C, H, W], or a sample of `count` where it has more."""
    images = read_images(images_file(split), made_by="prepare")
    if count is None or count >= len(images):
        return images
    return images[sample_indices(len(images), count, seed)]


def extract_reference(
    images: Images,
    extractor: Extractor,
    params: ScoresParams,
    source: str,
    name_image: NameImage = name_by_index,
) -> ReferenceStatistics:
    """Extract the statistics of real images.

    Args:
        images: uint8 [N, C, H, W].
        extractor: computes features and logits.
        params: how images are scored.
        source: the images' split, or the name of their set.
        name_image: gives an image's name, for errors.

    Raises:
        InputError: there are too few images, the network's output for an image is not finite, or it hardly varies.
    """
    request, title = FeatureRequest.for_reference(len(images), params), f"real {source}"
    statistics = extract_statistics(images, extractor, params, title, request, name_image)
    check_variation(statistics.moments, extractor.card, title)
    return ReferenceStatistics(source, statistics.moments, statistics.features)


def write_reference(folder: Path, statistics: ReferenceStatistics) -> None:
    """Write moments and features to files in a folder; where the moments are, the features are, too."""
    write_bytes(folder / FEATURES, save({"features": np.ascontiguousarray(statistics.features)}))
    write_moments(folder / MOMENTS, statistics.moments)


def read_reference(folder: Path, source: str) -> ReferenceStatistics:
    """Read the files that `write_reference` wrote.

    Raises:
        InputError: a file is missing or damaged.
    """
    with explain_read_errors(folder / FEATURES, "reference", SafetensorError, KeyError):
        features: Features = load_file(folder / FEATURES)["features"]
    return ReferenceStatistics(source, read_moments(folder / MOMENTS), features)
