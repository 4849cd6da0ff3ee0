"""The protocol of a score: extractor, images and parameters. Only scores with equal protocols are comparable."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from stages.common.errors import InputError
from stages.common.params import Params
from stages.scores.card import Card
from stages.scores.params import ScoresParams

DIGEST_DIGITS = 12
ABSENT = "nothing"
# The fields in which the row of real images may differ from other rows, because there are fewer real images.
COUNTS = ("sample_count", "fid_sample_count")
# The fields that are not compared, as they are only for readers; the hash of the content identifies the real images.
NAMES = ("reference_split",)


class Protocol(Params):
    """The conditions of a score, stored beside it.

    Attributes:
        extractor: the name of the extractor.
        weights_sha256: the SHA-256 of the file of weights that was trained or published.
        resize: how images were resized before the network.
        precision: the precision of the network's computations; formulas are always computed in float64.
        feature_dimension: D, the number of features that all scores except the Inception Score compare.
        reference_split: the real images' split, or their path, for readers.
        reference_count: number of real images that FID compares with.
        reference_sha256: the SHA-256 of the content of the real images, by `stages.scores.image_digest`.
        sample_count: number of generated images that the Inception Score is computed from.
        fid_sample_count: number of generated images that FID is computed from.
        splits: number of parts that the Inception Score is the mean of.
        shuffle_seed: the seed of the shuffling and of the choice of real images and of subsets.
        compared_count: number of real and of generated images in KID, precision, recall, density and coverage.
        kid_subsets: number of pairs of subsets that KID is the mean of.
        kid_subset_size: number of images of such a subset.
        precision_recall_neighbours: k of precision and recall.
        density_coverage_neighbours: k of density and coverage.
        fid_infinity_points: how many FIDs FID-infinity is extrapolated from; 0 where there is none.
        model: the name of the network among the extractor's networks; None if there is only one.
        normalisation: the normalisation of pixels; None if it is part of the network's definition.
        held_out_sha256: the SHA-256 of the content of the held-out images that the C_T test compares with; None where
            it is off.

    The last fields are left out where they are None, so that a record equals an older one without these fields.
    """

    extractor: str
    weights_sha256: str
    resize: str
    precision: str
    feature_dimension: int
    reference_split: str
    reference_count: int
    reference_sha256: str
    sample_count: int
    fid_sample_count: int
    splits: int
    shuffle_seed: int
    compared_count: int
    kid_subsets: int
    kid_subset_size: int
    precision_recall_neighbours: int
    density_coverage_neighbours: int
    fid_infinity_points: int
    model: str | None = None
    normalisation: str | None = None
    held_out_sha256: str | None = None

    @model_serializer(mode="wrap")
    def _leave_out_absent(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialise(self).items() if value is not None}

    @property
    def digest(self) -> str:
        """Return twelve hexadecimal digits that change with any field except those in NAMES."""
        text = json.dumps(self.model_dump(exclude=set(NAMES)), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


class ReferenceSet(Params):
    """The real images of a protocol.

    Attributes:
        split: the split of the images, or their path.
        count: the number of images that FID compares with.
        sha256: the SHA-256 of the images' content.
        held_out_sha256: the SHA-256 of the content of the images that were held out from training; None if no score
            needs them.
    """

    split: str
    count: int
    sha256: str
    held_out_sha256: str | None = None


def describe_protocol(
    card: Card, params: ScoresParams, reference: ReferenceSet, sample_count: int, resize: str | None = None
) -> Protocol:
    """Make the protocol of scores.

    Args:
        card: the extractor's card.
        params: the parameters of the scores.
        reference: the real images.
        sample_count: number of generated images.
        resize: the resize of images before the extractor, which may resize them again; None if there was none.
    """
    own = card.input_resize
    return Protocol(
        extractor=card.name,
        weights_sha256=card.weights_sha256,
        resize=own if resize is None else f"{resize}, {own}",
        precision=card.precision,
        feature_dimension=card.feature_dimension,
        reference_split=reference.split,
        reference_count=reference.count,
        reference_sha256=reference.sha256,
        sample_count=sample_count,
        model=card.model,
        normalisation=card.normalisation,
        held_out_sha256=reference.held_out_sha256,
        **params.model_dump(exclude={"extra"}) | {"fid_sample_count": params.fid_count(sample_count)},
    )


def list_differences(
    first: Mapping[str, Any], second: Mapping[str, Any], ignored: Iterable[str] = ()
) -> list[str]:
    """List the fields in which two protocols differ, except those in NAMES, with both values.

    Args:
        first: the fields of a protocol, perhaps of an older version with other fields.
        second: the fields of the other protocol.
        ignored: fields that may differ.

    Returns:
        One line for each such field; an empty list where the scores are comparable.
    """
    names = [name for name in dict.fromkeys([*first, *second]) if name not in (*NAMES, *ignored)]
    return [
        f"{name} is {first.get(name, ABSENT)} in one and {second.get(name, ABSENT)} in the other"
        for name in names
        if first.get(name, ABSENT) != second.get(name, ABSENT)
    ]


def check_same_protocol(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    names: tuple[str, str],
    remedy: str,
    ignored: Iterable[str] = (),
) -> None:
    """Refuse to compare two scores with different protocols.

    Args:
        first: the fields of a protocol.
        second: the fields of the other protocol.
        names: the names of the two scores, such as their files.
        remedy: the user's remedy, for the error.
        ignored: fields that may differ.

    Raises:
        InputError: the protocols differ; the error names every such field and both values.
    """
    differences = list_differences(first, second, ignored)
    if differences:
        raise InputError(
            f"the scores of {names[0]} (one) and {names[1]} (the other) are not comparable: "
            f"{'; '.join(differences)}; {remedy}"
        )
