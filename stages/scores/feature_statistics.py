"""Extract the statistics that scores need: the Inception Score, moments for FID, and features for the other scores."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.scores.extra_scores import find_extra_faults
from stages.scores.extractor import Extractor, Images
from stages.scores.features import Features
from stages.scores.further_moments import FurtherMoments, FurtherStatistics, Labels
from stages.scores.inception_score import InceptionScore, compute_inception_score
from stages.scores.moments import Moments, StreamingMoments
from stages.scores.params import ScoresParams

SECONDS_BETWEEN_LINES = 10.0

NameImage = Callable[[int], str]


class FeatureStatistics(NamedTuple):
    """The statistics of a set of images from which every score is computed.

    Attributes:
        inception_score: the Inception Score of all images; None where the extractor tells no classes apart.
        moments: the moments of the features of the first images, as many as were requested for FID.
        features: float32 [kept, D], the features that were requested.
        further: the statistics for the scores that are off by default.
    """

    inception_score: InceptionScore | None
    moments: Moments
    features: Features
    further: FurtherStatistics = FurtherStatistics()


class FeatureRequest(NamedTuple):
    """The features of a set of images that are needed.

    Attributes:
        moments_count: the number of images, the first ones, that the moments for FID are computed from.
        is_kept: bool [N], True for the images whose features are kept.
    """

    moments_count: int
    is_kept: NDArray[np.bool_]

    @classmethod
    def for_generated(cls, count: int, params: ScoresParams) -> "FeatureRequest":
        """Request the features of the first generated images, as many as the scores need.

        Raises:
            InputError: there are fewer images than a score is computed from.
        """
        moments_count = params.fid_count(count)
        for name, least in (("fid_sample_count", moments_count), ("compared_count", params.compared_count)):
            if count < least:
                raise InputError(f"scores.{name} = {least}, but there are only {count} images; lower it")
        kept_count = max(params.compared_count, moments_count if params.fid_infinity_points else 0)
        return cls(moments_count, np.arange(count) < kept_count)

    @classmethod
    def for_reference(cls, count: int, params: ScoresParams) -> "FeatureRequest":
        """Request the moments of all real images, and the features of `compared_count` that the seed chooses.

        Raises:
            InputError: there are fewer images than `compared_count`.
        """
        if count < params.compared_count:
            raise InputError(
                f"scores.compared_count = {params.compared_count}, but there are only {count} real images; lower it"
            )
        is_kept = np.zeros(count, dtype=np.bool_)
        is_kept[sample_indices(count, params.compared_count, params.shuffle_seed)] = True
        return cls(count, is_kept)


def sample_indices(count: int, size: int, seed: int) -> NDArray[np.int64]:
    """Sample `size` of the indices 0..count-1 without replacement, in ascending order."""
    return np.sort(np.random.RandomState(seed).permutation(count)[:size])


def name_by_index(index: int) -> str:
    """Name an image by its index in its set."""
    return f"image {index} (counted from 0)"


def extract_statistics(
    images: Images,
    extractor: Extractor,
    params: ScoresParams,
    title: str,
    request: FeatureRequest | None = None,
    name_image: NameImage = name_by_index,
    labels: Labels | None = None,
) -> FeatureStatistics:
    """Extract the features of a set of images, and compute its Inception Score and moments.

    Args:
        images: uint8 [N, C, H, W]; may be mapped from a file, and is read part by part.
        extractor: the network that computes features and logits.
        params: the parameters of the scores.
        title: the title of the images, for progress lines and errors.
        request: the features that are needed; None uses `FeatureRequest.for_generated`.
        name_image: returns the name of the image with an index, for errors.
        labels: the classes of the images, for FID by class.

    Raises:
        InputError: a score of `scores.extra` is not defined for this extractor, there are too few images for the
            extractor's features or for the splits, or the network's output for an image is not finite.
    """
    faults = find_extra_faults(params.extra, extractor.card.name, None)
    if faults:
        raise InputError(faults[0])
    check_image_count(len(images), extractor.card.feature_dimension, title)
    request = FeatureRequest.for_generated(len(images), params) if request is None else request
    check_image_count(request.moments_count, extractor.card.feature_dimension, f"{title}, for FID")
    moments = StreamingMoments(extractor.card.feature_dimension)
    further = FurtherMoments(params.extra, extractor.card, labels, request.moments_count, title)
    logits: list[Features] = []
    kept: list[Features] = []
    done = 0
    last_line = time.monotonic()
    for output in extractor.extract_outputs(images):
        features, part = output.features, output.logits
        check_finite(features, part, done, title, name_image)
        further.add(output)
        counted = features[: max(0, request.moments_count - done)]
        if len(counted):
            moments.add(counted)
        kept.append(features[request.is_kept[done : done + len(features)]])
        logits.append(part)
        done += len(features)
        if time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            print(f"{title}: features of {done}/{len(images)} images extracted", flush=True)
    return FeatureStatistics(
        _score_classes(np.concatenate(logits), params),
        moments.finish(),
        np.concatenate(kept),
        further.finish(),
    )


def _score_classes(logits: Features, params: ScoresParams) -> InceptionScore | None:
    if logits.shape[1] == 0:
        return None
    return compute_inception_score(logits, params.splits, params.shuffle_seed)


def check_image_count(count: int, feature_dimension: int, title: str) -> None:
    """Refuse a number of images for which the covariance cannot have full rank, so that FID would be far too high.

    Raises:
        InputError: there are no more images than features.
    """
    if count <= feature_dimension:
        raise InputError(
            f"{title}: {count} images, but FID needs more than the extractor's {feature_dimension} features; "
            "raise sample.sample_count or prepare's limits, or use an extractor with fewer features"
        )


def check_finite(features: Features, logits: Features, first: int, title: str, name_image: NameImage) -> None:
    """Refuse the output of an extractor that is not finite.

    Args:
        features: float32 [n, D].
        logits: float32 [n, K].
        first: index of the first of these images in its set.
        title: the title of the set, for the error.
        name_image: returns the name of the image with an index.

    Raises:
        InputError: a number is not finite; the error names the first such image.
    """
    is_finite = np.isfinite(features).all(axis=1) & np.isfinite(logits).all(axis=1)
    if not is_finite.all():
        faulty = np.flatnonzero(~is_finite)
        raise InputError(
            f"{title}: the extractor's output for {name_image(first + int(faulty[0]))} is not finite "
            f"({len(faulty)} of the {len(features)} images of its batch), because of its weights or their precision: "
            "make the extractor anew, or compute in float32"
        )
