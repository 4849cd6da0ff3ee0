"""Score sets of images against the same real images, after all checks that need no features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.errors import InputError
from stages.common.image_files import FILTER_NAME
from stages.evaluate.held_out import add_held_out
from stages.evaluate.overlap import check_different_files, check_different_images, check_no_copies, pair_sets
from stages.evaluate.reference_cache import load_or_extract_reference
from stages.evaluate.result import ScoreResult, parse_scores
from stages.images.image_sets import ImageSet
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import extract_statistics, sample_indices
from stages.scores.params import ScoresParams
from stages.scores.protocol import Protocol, ReferenceSet, check_same_protocol, describe_protocol
from stages.scores.scorer import Scorer

CURE = "score all sets by one protocol: as many images of each, and the same options"


@dataclass(frozen=True)
class Conditions:
    """Everything that scores depend on, except for the images.

    Attributes:
        extractor: the network that computes the features.
        params: the parameters of the scores.
        params_source: the file or the argument that `params` come from.
        resize: side, in pixels, to which images were resized; None where they were not.
        is_in_order: whether the images to score keep their order; if not, the seed shuffles them.
        cache: a folder that keeps the statistics of real images; None keeps nothing.
        held_out: real images that no generator was trained on; None where no score needs them.
        expected: protocols that the scores must share, by the name of the scores that they come from.
        compute: device, number of threads and version of torch.
    """

    extractor: Extractor
    params: ScoresParams
    params_source: str
    resize: int | None
    is_in_order: bool
    cache: Path | None
    held_out: ImageSet | None
    expected: Mapping[str, Mapping[str, Any]]
    compute: Mapping[str, str | int]

    def describe(self, real: ImageSet, fake: ImageSet, is_read: bool = True) -> Protocol:
        """Describe the protocol of a set's scores.

        Args:
            real: the real images.
            fake: the images to score.
            is_read: whether the real images have been read; if not, the hash of their content is left out.
        """
        held_out = self.held_out
        reference = ReferenceSet(
            split=real.name,
            count=len(real),
            sha256=real.sha256 if is_read else "",
            held_out_sha256=None if held_out is None else held_out.sha256 if is_read else "",
        )
        resize = None if self.resize is None else f"{FILTER_NAME}, to {self.resize} pixels"
        return describe_protocol(self.extractor.card, self.params, reference, len(fake), resize)


def sample_images(images: ImageSet, count: int | None, count_source: str, seed: int) -> None:
    """Keep a random sample of `count` images of a set, or all images where the count is None.

    Raises:
        InputError: the set holds fewer images.
    """
    if count is None:
        return
    if count > len(images):
        raise InputError(
            f"{count_source} {count}: {images.name} holds only {len(images)} images; give more, or name another "
            f"number with {images.argument}{'-' if images.argument.startswith('--') else '_'}count"
        )
    images.select(sample_indices(len(images), count, seed))


def score_sets(real: ImageSet, fakes: Sequence[ImageSet], conditions: Conditions) -> list[ScoreResult]:
    """Score sets of images against the same real ones.

    Args:
        real: the real images.
        fakes: the sets to score, one or more; unless they keep their order, they are shuffled.
        conditions: the conditions of the scores.

    Returns:
        The scores of each set, in the order of the sets.

    Raises:
        InputError: there are too few images, their shapes differ or do not fit the extractor, or the scores would not
            have the same protocol.
    """
    extractor, params = conditions.extractor, conditions.params
    pairs = pair_sets(real, fakes, conditions.held_out)
    for base, other in pairs:
        check_different_files(base, other)
        check_no_copies(base, other)
        _check_shapes(base, other, extractor)
    for fake in fakes:
        if not conditions.is_in_order:
            fake.select(np.random.RandomState(params.shuffle_seed).permutation(len(fake)))
        _check_counts(real, fake, extractor, params)
    _check_protocols(real, fakes, conditions, is_read=False)
    for base, other in pairs:
        if base.is_in_memory and other.is_in_memory:
            # This is fast. Files that would have to be decoded again are compared after their features were computed.
            base.read_all()
            other.read_all()
            check_different_images(base, other)
    reference = load_or_extract_reference(real, extractor, params, conditions.cache)
    if conditions.held_out is not None:
        reference = add_held_out(reference, real, conditions.held_out, extractor)
    scorer = Scorer(reference, params)
    _check_protocols(real, fakes, conditions, is_read=True)
    return [_score_set(real, fake, scorer, conditions) for fake in fakes]


def _score_set(real: ImageSet, fake: ImageSet, scorer: Scorer, conditions: Conditions) -> ScoreResult:
    extractor = conditions.extractor
    statistics = extract_statistics(fake, extractor, conditions.params, fake.name, name_image=fake.name_image)
    if conditions.held_out is not None:
        check_different_images(conditions.held_out, fake)
    values = scorer.score(statistics)
    return ScoreResult(
        fake=fake.name,
        real=real.name,
        scores=parse_scores(values),
        protocol=conditions.describe(real, fake),
        fake_count=len(fake),
        real_count=len(real),
        image_shape=fake.shape[1:],
        distinct_images=len(set(fake.digests)),
        shared_images=check_different_images(real, fake),
        is_in_order=conditions.is_in_order,
        params=conditions.params_source,
        compute=conditions.compute,
        values=values,
        held_out=None if conditions.held_out is None else conditions.held_out.name,
    )


def _check_protocols(
    real: ImageSet, fakes: Sequence[ImageSet], conditions: Conditions, is_read: bool
) -> None:
    """Refuse scores with different protocols; the content of real images counts only once they have been read."""
    ignored = [] if is_read else ["reference_sha256"]
    if not is_read and conditions.held_out is not None:
        ignored.append("held_out_sha256")
    own = [(fake.name, conditions.describe(real, fake, is_read).model_dump()) for fake in fakes]
    first_name, first = own[0]
    for name, protocol in [*own, *conditions.expected.items()]:
        check_same_protocol(first, protocol, (first_name, name), CURE, ignored)


def _check_shapes(real: ImageSet, fake: ImageSet, extractor: Extractor) -> None:
    """Refuse images that differ in size from each other, or in shape from those that the extractor accepts."""
    if real.shape[2:] != fake.shape[2:]:
        sizes = [" x ".join(map(str, images.shape[2:])) for images in (real, fake)]
        raise InputError(
            f"{real.name} holds images of {sizes[0]} pixels and {fake.name} of {sizes[1]}: resizing only one set would "
            "make its images look worse; --resize N resizes both in the same way"
        )
    expected = extractor.card.image_shape
    for images in (real, fake):
        if expected is not None and expected[0] == 1 and images.shape[1] == 3:
            _take_as_grey(images, extractor)
        if expected is not None and list(images.shape[1:]) != expected:
            raise InputError(
                f"the {extractor.card.name} extractor accepts images {expected}, but those of {images.name} are "
                f"{list(images.shape[1:])}; use the extractor of their data set, or --extractor inception"
            )


def _take_as_grey(images: ImageSet, extractor: Extractor) -> None:
    try:
        images.as_grey()
    except InputError as error:
        raise InputError(
            f"the {extractor.card.name} extractor accepts grey images, but {error}; use the extractor of their data "
            "set, or --extractor inception"
        ) from None
    print(f"{images.name}: the RGB images have equal channels and are taken as grey")


def _check_counts(real: ImageSet, fake: ImageSet, extractor: Extractor, params: ScoresParams) -> None:
    dimension = extractor.card.feature_dimension
    for images in (real, fake):
        count = len(images)
        if count <= dimension:
            raise InputError(
                f"{images.name}: {count} images, but FID with the {extractor.card.name}'s {dimension} features needs "
                f"{dimension + 1} or more; give more, or use an extractor with fewer features"
            )
        if count < params.splits:
            raise InputError(
                f"{images.name}: {count} images cannot be divided into {params.splits} splits; lower --splits"
            )
        if count < params.compared_count:
            size = min(params.kid_subset_size, count)
            raise InputError(
                f"{images.name}: {count} images are fewer than the {params.compared_count} that KID and other scores "
                f"compare; give more, or --compared-count {count} --kid-subset-size {size}"
            )
    if params.fid_count(len(fake)) > len(fake):
        raise InputError(
            f"{fake.name}: {len(fake)} images are fewer than scores.fid_sample_count = {params.fid_sample_count}"
        )
