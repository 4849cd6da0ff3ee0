"""Refuse an extractor whose features of real images hardly vary: every FID computed with it would be near 0."""

import numpy as np

from stages.common.errors import InputError
from stages.scores.card import Card
from stages.scores.moments import Moments

# The least ratio of the total variance to the squared length of the mean, for features that differ by a hundredth of
# their size. Rounding to float32 gives 1e-14, and the classifiers of the presets give 0.9 and 2.3.
LEAST_VARIANCE = 1e-4
# Directions with a smaller share of the largest variance do not count.
LEAST_SHARE = 1e-6


def check_variation(moments: Moments, card: Card, title: str) -> None:
    """Refuse features of real images that are constant, are nearly so, or vary along too few directions.

    Args:
        moments: the moments of the features of real images.
        card: the card of the extractor that computed them.
        title: the title of the images, for the error.

    Raises:
        InputError: the variance is less than LEAST_VARIANCE of the mean's squared length, or fewer directions than
            `count_least_directions` have at least LEAST_SHARE of the largest variance.
    """
    variances = np.linalg.eigvalsh(moments.covariance)
    size = float(moments.mean @ moments.mean)
    if variances[-1] <= 0.0 or variances.sum() < LEAST_VARIANCE * size:
        raise InputError(
            f"{title}: the {card.name}'s features are the same for all {moments.image_count} images, or nearly so "
            f"(variance {max(0.0, variances.sum()):.3g}, squared length of the mean {size:.3g}), so every "
            "score would be meaningless: the images do not differ, or the extractor has learned nothing; look at the "
            "images, and make the extractor anew: `dvc repro -f extractor`"
        )
    directions, least = int((variances > LEAST_SHARE * variances[-1]).sum()), count_least_directions(card)
    if directions < least:
        raise InputError(
            f"{title}: the {card.name}'s {card.feature_dimension} features vary along {directions} directions only, "
            f"and {least} or more are needed, so scores would miss most differences between images: the extractor has "
            "learned too little; train it longer or widen it (extractor.classifier.epochs, width)"
        )


def count_least_directions(card: Card) -> int:
    """Return the number of directions that features must vary along: two, or more for a classifier of many classes.

    A layer of logits separates K classes in general position along K - 1 directions. A quarter of the features is
    enough, because a ReLU may be 0 for all images.
    """
    if card.test_accuracy is None or card.class_count is None:
        # The classes of such a network, if it has any, are not those of the images.
        return 2
    return max(2, min(card.class_count - 1, card.feature_dimension // 4))
