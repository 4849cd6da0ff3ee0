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
# How the networks resize whose cards, of an earlier version, do not say so.
RESIZES = {"classifier": "none", "inception": "tensorflow1_bilinear_299"}


class Card(Params):
    """The description of an extractor.

    Attributes:
        name: a file of stages/scores/extractors/.
        title: one line for readers.
        feature_dimension: D, of the features that FID compares.
        class_count: K, of the classes that the Inception Score counts; None where the network tells no classes apart.
        image_shape: C, H, W of the images that it accepts; None where it accepts any.
        width: the width of the classifier; None for Inception.
        precision: the precision of its network's computations, `float32` or `bfloat16`.
        weights_sha256: the SHA-256 of the file of weights that was trained or downloaded.
        file_sha256: the SHA-256 of weights.safetensors, which is compared whenever the weights are read.
        test_accuracy: its accuracy on the test split, in [0, 1]; None where it was not trained here on labels.
        train_count: number of images that it was trained on; None where it was not trained here.
        test_count: number of images that its accuracy was measured on; None where there is no accuracy.
        model: which of an extractor's networks it is; None where there is one.
        image_size: side of the square that it resizes images to; None where `resize` says all.
        resize: how it resizes images; None in the cards of earlier versions.
        normalisation: how it normalises pixels, where that is not part of its definition.
    """

    name: str
    title: str
    feature_dimension: int
    class_count: int | None
    image_shape: list[int] | None
    width: int | None
    precision: Literal["float32", "bfloat16"]
    weights_sha256: str
    file_sha256: str
    test_accuracy: float | None
    train_count: int | None
    test_count: int | None
    model: str | None = None
    image_size: int | None = None
    resize: str | None = None
    normalisation: str | None = None

    @property
    def input_resize(self) -> str:
        """How the network resizes images, with the size."""
        resize = self.resize or RESIZES[self.name]
        return resize if self.image_size is None else f"{resize}_{self.image_size}"


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
