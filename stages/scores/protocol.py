"""What a score was made with: two scores compare only where this is equal, field by field."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from stages.common.params import Params
from stages.scores.card import Card
from stages.scores.params import ScoresParams

DIGEST_DIGITS = 12
ABSENT = "nothing"
# What the network does to an image's size before it looks.
RESIZES = {"classifier": "none", "inception": "tensorflow1_bilinear_299"}
# What real images may differ in from generated ones in one table, whose row says so: there are only so many.
COUNTS = ("sample_count", "fid_sample_count")


class Protocol(Params):
    """What a score was made with, stored beside it.

    Attributes:
        extractor: the network's name.
        weights_sha256: of its weights as they were trained or published.
        resize: what happened to an image's size on its way into the network.
        precision: in which the network computed; formulas are always in float64.
        feature_dimension: D, of the features that all scores but the Inception Score compare.
        reference_split: the real images' split, or where they came from.
        reference_count: real images that FID compares with.
        sample_count: images that the Inception Score takes.
        fid_sample_count: of these, the ones that FID takes.
        splits: of the Inception Score.
        shuffle_seed: of the shuffling, and of which real images and subsets are drawn.
        compared_count: real and generated images each in KID, precision, recall, density and coverage.
        kid_subsets: pairs of subsets that KID is the mean of.
        kid_subset_size: images of such a subset.
        precision_recall_neighbours: k of precision and recall.
        density_coverage_neighbours: k of density and coverage.
        fid_infinity_points: numbers of images that FID-infinity is extrapolated from; 0 where there is none.
    """

    extractor: str
    weights_sha256: str
    resize: str
    precision: str
    feature_dimension: int
    reference_split: str
    reference_count: int
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

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change when any field does."""
        text = json.dumps(self.model_dump(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


class ReferenceSet(Params):
    """Which real images a protocol is about.

    Attributes:
        split: their split, or where they came from.
        count: how many FID compares with.
    """

    split: str
    count: int


def describe_protocol(
    card: Card, params: ScoresParams, reference: ReferenceSet, sample_count: int, resize: str | None = None
) -> Protocol:
    """Say what scores are made with.

    Args:
        card: the extractor's.
        params: how images are scored.
        reference: the real images.
        sample_count: generated images.
        resize: what was done to the images before the extractor, which may resize them itself; None for nothing.
    """
    own = RESIZES[card.name]
    return Protocol(
        extractor=card.name,
        weights_sha256=card.weights_sha256,
        resize=own if resize is None else f"{resize}, {own}",
        precision=card.precision,
        feature_dimension=card.feature_dimension,
        reference_split=reference.split,
        reference_count=reference.count,
        sample_count=sample_count,
        **params.model_dump() | {"fid_sample_count": params.fid_count(sample_count)},
    )


def list_differences(
    first: Mapping[str, Any], second: Mapping[str, Any], ignored: Iterable[str] = ()
) -> list[str]:
    """Name each field that two protocols differ in, with both values; empty where their scores compare.

    Args:
        first: a protocol's fields, also of an older version with other ones.
        second: the other's.
        ignored: fields that may differ.
    """
    names = [name for name in dict.fromkeys([*first, *second]) if name not in ignored]
    return [
        f"{name} is {first.get(name, ABSENT)} in one and {second.get(name, ABSENT)} in the other"
        for name in names
        if first.get(name, ABSENT) != second.get(name, ABSENT)
    ]


def check_same_protocol(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    names: tuple[str, str],
    cure: str,
    ignored: Iterable[str] = (),
) -> None:
    """Refuse to let two scores meet that were made with different protocols.

    Args:
        first: a protocol's fields.
        second: the other's.
        names: of the two scores, such as their files.
        cure: what makes them alike.
        ignored: fields that may differ.

    Raises:
        ValueError: they differ; names every such field and both values.
    """
    differences = list_differences(first, second, ignored)
    if differences:
        raise ValueError(
            f"the scores of {names[0]} (one) and {names[1]} (the other) do not compare: "
            f"{'; '.join(differences)}; {cure}"
        )
