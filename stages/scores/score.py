"""Look at a set of images: the Inception Score, and what of their features the other scores compare."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.extractor import Extractor, Images
from stages.scores.inception_score import InceptionScore, inception_score
from stages.scores.moments import Moments, MomentsGatherer
from stages.scores.params import ScoresParams

SECONDS_BETWEEN_LINES = 10.0

Features = NDArray[np.float32]
NameImage = Callable[[int], str]


class Seen(NamedTuple):
    """What an extractor saw in a set of images, condensed.

    Attributes:
        inception_score: of all images.
        moments: of the first so many that FID takes.
        features: float32 [kept, D], of the images that were to be kept.
    """

    inception_score: InceptionScore
    moments: Moments
    features: Features


class Wanted(NamedTuple):
    """What of a set of images is to be kept.

    Attributes:
        moments: of how many images, the first ones, FID's moments are.
        is_kept: bool [N]; whose features are kept.
    """

    moments: int
    is_kept: NDArray[np.bool_]


def want_generated(count: int, params: ScoresParams) -> Wanted:
    """Keep of generated images what scores need: the first ones, which are as good as any.

    Raises:
        ValueError: there are fewer images than a score is to take.
    """
    moments = params.fid_count(count)
    for name, least in (("fid_sample_count", moments), ("compared_count", params.compared_count)):
        if count < least:
            raise ValueError(f"scores.{name} = {least}, but there are only {count} images; lower it")
    kept = max(params.compared_count, moments if params.fid_infinity_points else 0)
    return Wanted(moments, np.arange(count) < kept)


def want_reference(count: int, params: ScoresParams) -> Wanted:
    """Keep of real images the moments of all, and the features of `compared_count` drawn from the seed.

    Raises:
        ValueError: there are fewer images than that.
    """
    if count < params.compared_count:
        raise ValueError(
            f"scores.compared_count = {params.compared_count}, but there are only {count} real images; lower it"
        )
    is_kept = np.zeros(count, dtype=np.bool_)
    is_kept[draw_images(count, params.compared_count, params.shuffle_seed)] = True
    return Wanted(count, is_kept)


def draw_images(count: int, drawn: int, seed: int) -> NDArray[np.int64]:
    """Draw `drawn` of `count` images without repetition, and return their places in ascending order."""
    return np.sort(np.random.RandomState(seed).permutation(count)[:drawn])


def name_by_place(index: int) -> str:
    """Name an image by its place in its set."""
    return f"image {index} (counted from 0)"


def look_at(
    images: Images,
    extractor: Extractor,
    params: ScoresParams,
    title: str,
    wanted: Wanted | None = None,
    name_image: NameImage = name_by_place,
) -> Seen:
    """Score images.

    Args:
        images: uint8 [N, C, H, W]; may be mapped from a file, and is read part by part.
        extractor: what to look with.
        params: how to score.
        title: of the images, for the lines that tell how far it is.
        wanted: what to keep of them; None for what `want_generated` says.
        name_image: gives an image's name, for errors.

    Raises:
        ValueError: there are too few images for the extractor's features or for the splits, or the network answers
            an image with something that is no finite number.
    """
    refuse_few_images(len(images), extractor.card.feature_dimension, title)
    wanted = want_generated(len(images), params) if wanted is None else wanted
    refuse_few_images(wanted.moments, extractor.card.feature_dimension, f"{title}, for FID")
    gatherer = MomentsGatherer(extractor.card.feature_dimension)
    logits: list[Features] = []
    kept: list[Features] = []
    seen = 0
    last_line = time.monotonic()
    for features, part in extractor.extract(images):
        _refuse_nonfinite(features, part, seen, title, name_image)
        counted = features[: max(0, wanted.moments - seen)]
        if len(counted):
            gatherer.add(counted)
        kept.append(features[wanted.is_kept[seen : seen + len(features)]])
        logits.append(part)
        seen += len(features)
        if time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            print(f"{title}: {seen}/{len(images)} images seen", flush=True)
    score = inception_score(np.concatenate(logits), params.splits, params.shuffle_seed)
    return Seen(score, gatherer.finish(), np.concatenate(kept))


def refuse_few_images(count: int, feature_dimension: int, title: str) -> None:
    """Refuse a number of images whose covariance cannot have full rank, so that FID would be off by a lot.

    Raises:
        ValueError: there are no more images than features.
    """
    if count <= feature_dimension:
        raise ValueError(
            f"{title}: {count} images, but FID needs more than the extractor's {feature_dimension} features; "
            "raise sample.sample_count or prepare's limits, or take an extractor with fewer features"
        )


def _refuse_nonfinite(
    features: Features, logits: Features, first: int, title: str, name_image: NameImage
) -> None:
    is_finite = np.isfinite(features).all(axis=1) & np.isfinite(logits).all(axis=1)
    if not is_finite.all():
        faulty = np.flatnonzero(~is_finite)
        raise ValueError(
            f"{title}: the extractor answers {name_image(first + int(faulty[0]))} with numbers that are not finite "
            f"({len(faulty)} of {len(features)} images around it); its weights, or their precision, are at fault: "
            "make the extractor anew, or compute in float32"
        )
