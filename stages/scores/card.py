"""The extractor's card: what it is, so that every score can say what it was measured with."""

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from stages.common.artifacts import EXTRACTOR, read_json, write_json
from stages.common.params import Params

CARD = EXTRACTOR / "card.json"
WEIGHTS = EXTRACTOR / "weights.safetensors"
# Of the published Inception network: its pooled features, and the classes it was trained to tell.
INCEPTION_FEATURES = 2048
INCEPTION_CLASSES = 1008


class Card(Params):
    """What an extractor is.

    Attributes:
        name: `classifier` or `inception`.
        title: one line for people.
        feature_dimension: D, of the features that FID compares.
        class_count: K, of the classes that the Inception Score counts.
        image_shape: C, H, W of the images it takes; None where it takes any.
        width: of the classifier; None for Inception.
        precision: in which its network computes, `float32` or `bfloat16`.
        weights_sha256: of the weights as they were trained or downloaded.
        test_accuracy: share of the test split's labels it finds, in [0, 1]; None for Inception.
        train_count: images it was trained on; None for Inception.
        test_count: images its accuracy was measured on; None for Inception.
    """

    name: str
    title: str
    feature_dimension: int
    class_count: int
    image_shape: list[int] | None
    width: int | None
    precision: Literal["float32", "bfloat16"]
    weights_sha256: str
    test_accuracy: float | None
    train_count: int | None
    test_count: int | None


def write_card(card: Card, folder: Path = EXTRACTOR) -> None:
    """Write an extractor's card.json."""
    write_json(folder / CARD.name, card.model_dump())


def read_card(folder: Path = EXTRACTOR) -> Card:
    """Read an extractor's card.json.

    Raises:
        ValueError: the file is missing or damaged.
    """
    path = folder / CARD.name
    content: Any = read_json(path, made_by="extractor")
    try:
        return Card.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path} is damaged ({error}); make it anew: `dvc repro -f extractor`") from None
