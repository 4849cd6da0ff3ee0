"""The statistics of the real images that generated ones are compared with, and the files that hold them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from stages.common.artifacts import (
    explain_read_errors,
    images_file,
    read_class_names,
    read_images,
    read_labels,
    write_bytes,
)
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
from stages.scores.further_moments import FurtherStatistics, Labels
from stages.scores.moments import (
    Moments,
    read_class_moments,
    read_moments,
    write_class_moments,
    write_moments,
)
from stages.scores.params import ScoresParams

MOMENTS = "moments.safetensors"
FEATURES = "features.safetensors"
# These files exist only if the scores that need them are switched on.
SPATIAL_MOMENTS = "spatial_moments.safetensors"
CLASS_MOMENTS = "class_moments.safetensors"
HELD_OUT = "held_out.safetensors"


class ReferenceStatistics(NamedTuple):
    """The statistics of real images from which every score is computed.

    Attributes:
        source: the images' split, or the name of their set.
        moments: the moments of the features of all images, for FID.
        features: float32 [compared_count, D], the features of the images that the other scores compare.
        further: the statistics for the scores that are off by default.
        held_out: float32 [H, D], the features of held-out real images; None if no score needs them.
    """

    source: str
    moments: Moments
    features: Features
    further: FurtherStatistics = FurtherStatistics()
    held_out: Features | None = None


def read_real_images(split: str, count: int | None, seed: int) -> NDArray[np.uint8]:
    """Read the images of a prepared split, uint8 [N, C, H, W], or a sample of `count` if it has more."""
    images = read_images(images_file(split), made_by="prepare")
    if count is None or count >= len(images):
        return images
    return images[sample_indices(len(images), count, seed)]


def read_real_labels(split: str, count: int | None, seed: int) -> Labels:
    """Read the labels of the images that `read_real_images` returns for the same arguments."""
    class_count = len(read_class_names())
    total = len(read_images(images_file(split), made_by="prepare"))
    labels = read_labels(split, total, class_count)
    if count is not None and count < total:
        labels = labels[sample_indices(total, count, seed)]
    return Labels(labels, class_count)


def extract_reference(
    images: Images,
    extractor: Extractor,
    params: ScoresParams,
    source: str,
    name_image: NameImage = name_by_index,
    labels: Labels | None = None,
) -> ReferenceStatistics:
    """Extract the statistics of real images.

    Args:
        images: uint8 [N, C, H, W].
        extractor: the network that computes features and logits.
        params: the parameters of the scores.
        source: the images' split, or the name of their set.
        name_image: returns the name of the image with an index, for errors.
        labels: the classes of the images, for FID by class.

    Raises:
        InputError: there are too few images, the network's output for an image is not finite, or it hardly varies.
    """
    request, title = FeatureRequest.for_reference(len(images), params), f"real {source}"
    statistics = extract_statistics(images, extractor, params, title, request, name_image, labels)
    check_variation(statistics.moments, extractor.card, title)
    return ReferenceStatistics(source, statistics.moments, statistics.features, statistics.further)


def write_reference(folder: Path, statistics: ReferenceStatistics) -> None:
    """Write moments and features to files in a folder; the moments come last, so that they mark it as complete."""
    write_bytes(folder / FEATURES, save({"features": np.ascontiguousarray(statistics.features)}))
    further = statistics.further
    if further.spatial is not None:
        write_moments(folder / SPATIAL_MOMENTS, further.spatial)
    if further.classes is not None:
        write_class_moments(folder / CLASS_MOMENTS, further.classes)
    if statistics.held_out is not None:
        write_bytes(folder / HELD_OUT, save({"features": np.ascontiguousarray(statistics.held_out)}))
    write_moments(folder / MOMENTS, statistics.moments)


def read_reference(folder: Path, source: str) -> ReferenceStatistics:
    """Read the files that `write_reference` wrote.

    Raises:
        InputError: a file is missing or damaged.
    """
    spatial, classes, held_out = (folder / name for name in (SPATIAL_MOMENTS, CLASS_MOMENTS, HELD_OUT))
    return ReferenceStatistics(
        source,
        read_moments(folder / MOMENTS),
        _read_features(folder / FEATURES),
        FurtherStatistics(
            read_moments(spatial) if spatial.exists() else None,
            read_class_moments(classes) if classes.exists() else None,
        ),
        _read_features(held_out) if held_out.exists() else None,
    )


def _read_features(path: Path) -> Features:
    with explain_read_errors(path, "reference", SafetensorError, KeyError):
        features: Features = load_file(path)["features"]
    return features
