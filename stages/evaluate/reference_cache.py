"""Cache the statistics of real images, so that the next call need not extract their features again."""

import hashlib
from pathlib import Path

from stages.common.errors import InputError
from stages.common.file_tree import expand_user
from stages.images.image_sets import ImageSet
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import FeatureRequest
from stages.scores.params import ScoresParams
from stages.scores.reference_statistics import (
    MOMENTS,
    ReferenceStatistics,
    extract_reference,
    read_reference,
    write_reference,
)

# The version of the cached files' content; files of other versions are not used.
VERSION = 2


def load_or_extract_reference(
    images: ImageSet, extractor: Extractor, params: ScoresParams, cache: Path | None
) -> ReferenceStatistics:
    """Load the statistics of real images from the cache, or extract them and write them to it.

    Args:
        images: the real images.
        extractor: the network that computes features and logits.
        params: the parameters of the scores.
        cache: a folder with a subfolder for each set of images. The subfolder's name is a hash of the images' content,
            of the choice of images to compare, and of the extractor. None caches nothing.

    Raises:
        InputError: the cache is not a folder, or an image cannot be read.
    """
    if cache is None:
        return extract_reference(images, extractor, params, images.name, images.name_image)
    if expand_user(cache).exists() and not expand_user(cache).is_dir():
        raise InputError(f"--cache {cache} is a file; name a folder, which is made where there is none")
    folder = expand_user(cache) / _hash_inputs(images, extractor, params)
    if (folder / MOMENTS).exists():
        try:
            statistics = read_reference(folder, images.name)
        except ValueError:
            print(f"{folder} is damaged: extracting the features of {images.name} again")
        else:
            print(f"real {images.name}: statistics read from {folder}")
            return statistics
    statistics = extract_reference(images, extractor, params, images.name, images.name_image)
    write_reference(folder, statistics)
    return statistics


def _hash_inputs(images: ImageSet, extractor: Extractor, params: ScoresParams) -> str:
    digest = hashlib.sha256(
        f"{VERSION} {extractor.card.model_dump_json()} {images.shape} {params.extra}".encode()
    )
    digest.update(FeatureRequest.for_reference(len(images), params).is_kept.tobytes())
    images.read_all()
    digest.update(images.sha256.encode())
    return digest.hexdigest()
