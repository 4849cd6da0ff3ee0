"""The held-out images of the C_T test: real images that no generator was trained on."""

import numpy as np

from stages.common.errors import InputError
from stages.evaluate.overlap import check_different_images
from stages.images.image_sets import ImageSet
from stages.scores.extra_scores import LEAST_IMAGES, OF_LABELS, find_extra_faults
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import check_finite, sample_indices
from stages.scores.params import ScoresParams
from stages.scores.reference_statistics import ReferenceStatistics

TEST = "ct"


def check_extra_scores(params: ScoresParams, extractor: Extractor, is_held_out_given: bool) -> None:
    """Refuse scores of `extra` that cannot be computed for a user's own images, before any image is read.

    Args:
        params: the parameters of the scores.
        extractor: the network that computes the features.
        is_held_out_given: whether there are held-out images.

    Raises:
        InputError: a score needs another extractor, labels, or held-out images that are not given; or held-out images
            are given that no score needs.
    """
    faults = find_extra_faults(params.extra, extractor.card.name, None)
    if faults:
        raise InputError(faults[0])
    unlabelled = [name for name in params.extra if name in OF_LABELS]
    if unlabelled:
        raise InputError(
            f"the score {unlabelled[0]} needs the class of every image, which is known of conditional GANs of the "
            "comparison alone; leave it out of --extra, or scores.extra"
        )
    if TEST in params.extra and not is_held_out_given:
        raise InputError(
            f"the score {TEST} compares with held-out images, and --held-out is missing; name real images that no "
            f"generator was trained on, {LEAST_IMAGES[TEST]} or more, or leave {TEST} out of --extra, or scores.extra"
        )
    if TEST not in params.extra and is_held_out_given:
        raise InputError(
            f"--held-out is given, but only the score {TEST} compares with held-out images; add {TEST} to --extra"
        )


def sample_held_out(images: ImageSet, params: ScoresParams) -> ImageSet:
    """Keep a sample of the held-out images, chosen by the seed, as many as scores compare; a smaller set is kept whole.

    Raises:
        InputError: there are too few for the C_T test.
    """
    if len(images) < LEAST_IMAGES[TEST]:
        raise InputError(
            f"{images.label}: {len(images)} images, but the score {TEST} needs {LEAST_IMAGES[TEST]} held-out images or "
            "more; give more"
        )
    if len(images) > params.compared_count:
        images.select(sample_indices(len(images), params.compared_count, params.shuffle_seed))
    return images


def add_held_out(
    reference: ReferenceStatistics, real: ImageSet, held_out: ImageSet, extractor: Extractor
) -> ReferenceStatistics:
    """Add the features of held-out images to the statistics of real ones, all of which have been read.

    Raises:
        InputError: the network's output for an image is not finite, or half of the images of either set, or more, are
            also in the other.
    """
    title, parts, done = f"held-out {held_out.name}", [], 0
    for features, logits in extractor.extract(held_out):
        check_finite(features, logits, done, title, held_out.name_image)
        parts.append(features)
        done += len(features)
    shared = check_different_images(real, held_out)
    if shared:
        print(
            f"{held_out.label}: {shared} distinct images are, to the pixel, also among those of {real.label}"
        )
    return reference._replace(held_out=np.concatenate(parts))
