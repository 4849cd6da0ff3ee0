"""Collect the moments for sFID and for FID by class part by part, like those for FID."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.scores.card import Card
from stages.scores.extra_scores import SPATIAL_FEATURES
from stages.scores.extractor import OutputArrays
from stages.scores.moments import Moments, StreamingMoments


class Labels(NamedTuple):
    """The classes of a set of images.

    Attributes:
        of_images: int64 [N], in 0..K-1.
        class_count: K, the number of classes.
    """

    of_images: NDArray[np.int64]
    class_count: int

    def least_frequent(self, count: int) -> int:
        """Return how many of the first `count` images the rarest class has."""
        return int(np.bincount(self.of_images[:count], minlength=self.class_count).min())


class FurtherStatistics(NamedTuple):
    """The statistics for scores that are off by default.

    Attributes:
        spatial: moments of the spatial features; None where sFID is off.
        classes: moments of each class's features; None where FID by class is off, or the images have no labels.
    """

    spatial: Moments | None = None
    classes: tuple[Moments, ...] | None = None


class FurtherMoments:
    """A collector of the further moments of images that arrive part by part."""

    def __init__(
        self, extra: Sequence[str], card: Card, labels: Labels | None, moments_count: int, title: str
    ) -> None:
        """Make a collector without images.

        Args:
            extra: the scores that are switched on.
            card: the card of the extractor.
            labels: the labels of the images, where they have any.
            moments_count: the number of images, the first ones, that the moments are computed from.
            title: the title of the images, for errors.

        Raises:
            InputError: there are no more images, or no more of a class, than features.
        """
        self._count, self._done = moments_count, 0
        self._spatial = StreamingMoments(SPATIAL_FEATURES) if "sfid" in extra else None
        self._labels = labels if "intra_fid" in extra else None
        self._classes: list[StreamingMoments] = []
        if self._spatial is not None and moments_count <= SPATIAL_FEATURES:
            raise InputError(
                f"{title}: {moments_count} images, but sFID needs more than its {SPATIAL_FEATURES} spatial features; "
                "use more images, or remove sfid from scores.extra"
            )
        if self._labels is not None:
            least, dimension = self._labels.least_frequent(moments_count), card.feature_dimension
            if least <= dimension:
                raise InputError(
                    f"{title}: a class has {least} images, but its FID needs more than the extractor's {dimension} "
                    "features; use more images, or remove intra_fid from scores.extra"
                )
            self._classes = [StreamingMoments(dimension) for _ in range(self._labels.class_count)]

    def add(self, output: OutputArrays) -> None:
        """Add the next images' features.

        Raises:
            InputError: the extractor gives no spatial features.
        """
        start, end = self._done, min(self._done + len(output.features), self._count)
        self._done += len(output.features)
        if end <= start:
            return
        if self._spatial is not None:
            if output.spatial is None:
                raise InputError("sFID needs the extractor inception; this one gives no spatial features")
            self._spatial.add(output.spatial[: end - start])
        if self._labels is not None:
            labels = self._labels.of_images[start:end]
            for index, moments in enumerate(self._classes):
                if (labels == index).any():
                    moments.add(output.features[: end - start][labels == index])

    def finish(self) -> FurtherStatistics:
        """Return the moments of all images that were added."""
        return FurtherStatistics(
            None if self._spatial is None else self._spatial.finish(),
            None if self._labels is None else tuple(moments.finish() for moments in self._classes),
        )
