"""The extractor's card: a description of the network that becomes part of every score's protocol."""

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from stages.common.artifacts import EXTRACTOR, explain_read_errors, read_json, write_json
from stages.common.params import Params

CARD = EXTRACTOR / "card.json"
WEIGHTS = EXTRACTOR / "weights.safetensors"
# The published Inception network's numbers of pooled features and of classes.
INCEPTION_FEATURES = 2048
INCEPTION_CLASSES = 1008


class Card(Params):
    """The description of an extractor.

    Attributes:
        name: `classifier` or `inception`.
        title: one line for readers.
        feature_dimension: D, of the features that FID compares.
        class_count: K, of the classes that the Inception Score counts.
        image_shape: C, H, W of the images that it accepts; None where it accepts any.
        width: of the classifier; None for Inception.
        precision: of its network's computations, `float32` or `bfloat16`.
        weights_sha256: of the file of weights that was trained or downloaded.
        file_sha256: of weights.safetensors, which is compared whenever the weights are read.
        test_accuracy: its accuracy on the test split, in [0, 1]; None for Inception.
        train_count: number of images that it was trained on; None for Inception.
        test_count: number of images that its accuracy was measured on; None for Inception.
    """

    name: str
    title: str
    feature_dimension: int
    class_count: int
    image_shape: list[int] | None
    width: int | None
    precision: Literal["float32", "bfloat16"]
    weights_sha256: str
    file_sha256: str
    test_accuracy: float | None
    train_count: int | None
    test_count: int | None


def write_card(card: Card, folder: Path = EXTRACTOR) -> None:
    """Write an extractor's card.json."""
    write_json(folder / CARD.name, card.model_dump())


def read_card(folder: Path = EXTRACTOR) -> Card:
    """Read an extractor's card.json.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = folder / CARD.name
    content: Any = read_json(path, made_by="extractor")
    with explain_read_errors(path, "extractor", ValidationError):
        return Card.model_validate(content)
