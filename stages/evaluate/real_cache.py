"""Keep what an extractor saw in real images, so that the next set is scored against them without looking again."""

import hashlib
from pathlib import Path

from stages.evaluate.image_sets import ImageSet
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import FeatureRequest, extract_statistics
from stages.scores.moments import read_moments, write_moments
from stages.scores.params import ScoresParams
from stages.scores.real_features import read_features, write_features
from stages.scores.scorer import ReferenceStatistics

MOMENTS, FEATURES = "moments.safetensors", "features.safetensors"
# Of what the files hold; a number of its own each time that changes.
VERSION = 1
IMAGES_AT_A_TIME = 500


def see_real(
    images: ImageSet, extractor: Extractor, params: ScoresParams, cache: Path | None
) -> ReferenceStatistics:
    """Look at real images, or take what was seen in them before.

    Args:
        images: the real ones.
        extractor: what to look with.
        params: how to score.
        cache: a folder that holds a folder for each set of images ever seen, named after the content of its images,
            which of them are kept, and the extractor; None keeps nothing.
    """
    wanted = FeatureRequest.for_reference(len(images), params)
    place = None if cache is None else cache.expanduser() / _name(images, extractor, wanted)
    if place is not None and (place / MOMENTS).exists():
        try:
            real = ReferenceStatistics(
                images.name, read_moments(place / MOMENTS), read_features(place / FEATURES)
            )
        except ValueError:
            print(f"{place} is damaged: looking at {images.name} again")
        else:
            print(f"real {images.name}: known from {place}")
            return real
    statistics = extract_statistics(
        images, extractor, params, f"real {images.name}", wanted, images.name_image
    )
    if place is not None:
        # Moments last: where they are, all is.
        write_features(place / FEATURES, statistics.features)
        write_moments(place / MOMENTS, statistics.moments)
    return ReferenceStatistics(images.name, statistics.moments, statistics.features)


def _name(images: ImageSet, extractor: Extractor, wanted: FeatureRequest) -> str:
    digest = hashlib.sha256(f"{VERSION} {extractor.card.model_dump_json()} {images.shape}".encode())
    digest.update(wanted.is_kept.tobytes())
    for start in range(0, len(images), IMAGES_AT_A_TIME):
        digest.update(images[start : start + IMAGES_AT_A_TIME].tobytes())
    return digest.hexdigest()
