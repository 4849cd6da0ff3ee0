"""The scores of one set of images with their protocol, as a frozen dataclass, and their form in JSON files."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from stages.scores.protocol import Protocol

# The suffixes of the keys under which a scorer writes the deviation, error and interval of a score.
DEVIATION, STANDARD_ERROR, LOW, HIGH = "_deviation", "_standard_error", "_low", "_high"
# The suffix of CMMD's biased estimate, which its authors' code prints.
BIASED = "_biased"
PARTS = (DEVIATION, STANDARD_ERROR, LOW, HIGH, BIASED)
CONFIDENCE = 0.95
QUANTILE = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Score:
    """A score with its uncertainty.

    Attributes:
        value: the value of the score.
        standard_error: the standard error over samples of images; None where it is not known.
        low: lower end of the 95 % interval over samples of images; None where there is none. A score without an
            interval of its own has the normal interval from its standard error.
        high: upper end of the same interval.
    """

    value: float
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ScoreResult:
    """All scores of a set of images, with everything that they depend on.

    Attributes:
        fake: name of the images that were scored.
        real: name of the real images.
        scores: the scores by name, such as `fid`; docs/scores.md says what each is.
        protocol: the conditions; only scores with equal protocols are comparable.
        fake_count: number of images that were scored.
        real_count: number of real images.
        image_shape: C, H, W of the images as they were scored.
        distinct_images: how many of the scored images differ from each other.
        shared_images: how many distinct images are also among the real ones, to the pixel.
        is_in_order: whether the images kept their order; else the protocol's seed shuffled them.
        params: the file or the argument that the parameters of the scores come from.
        compute: device, number of threads and version of torch.
        values: the numbers of the scorer by key, such as `fid` and `fid_standard_error`.
        held_out: name of the held-out images; None where no score needs them.
    """

    fake: str
    real: str
    scores: Mapping[str, Score]
    protocol: Protocol
    fake_count: int
    real_count: int
    image_shape: tuple[int, ...]
    distinct_images: int
    shared_images: int
    is_in_order: bool
    params: str
    compute: Mapping[str, str | int]
    values: Mapping[str, float | None]
    held_out: str | None = None

    def __getitem__(self, name: str) -> Score:
        """Return a score by its name.

        Raises:
            KeyError: there is no such score; the error names the existing ones.
        """
        if name not in self.scores:
            raise KeyError(f"{name}: there is {', '.join(self.scores)}")
        return self.scores[name]

    def to_record(self) -> dict[str, Any]:
        """Return the content of a JSON file: scores by key, the protocol with its digest, and the compute settings."""
        held_out = {} if self.held_out is None else {"held_out": self.held_out}
        return {
            "real": self.real,
            "fake": self.fake,
            **held_out,
            "image_shape": list(self.image_shape),
            "distinct_images": self.distinct_images,
            "shared_images": self.shared_images,
            **self.values,
            "protocol": self.protocol.model_dump(),
            "protocol_digest": self.protocol.digest,
            "is_in_order": self.is_in_order,
            "params": self.params,
            **self.compute,
        }


def parse_scores(values: Mapping[str, Any]) -> dict[str, Score]:
    """Collect each score with its standard error and interval from a scorer's numbers.

    Args:
        values: numbers by key: `fid`, `fid_standard_error`, `fid_low` and so on; a score that is None is left out.
    """
    return {
        name: _parse_score(name, values)
        for name, value in values.items()
        if value is not None and not name.endswith(PARTS)
    }


def _parse_score(name: str, values: Mapping[str, Any]) -> Score:
    value, error = values[name], values.get(name + STANDARD_ERROR)
    low, high = values.get(name + LOW), values.get(name + HIGH)
    if error is not None and low is None and high is None:
        low, high = value - QUANTILE * error, value + QUANTILE * error
    return Score(value, error, low, high)
