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
# The resizes of networks whose cards were written by an earlier version, which did not record them.
RESIZES = {"classifier": "none", "inception": "tensorflow1_bilinear_299"}


class Card(Params):
    """The description of an extractor.

    Attributes:
        name: a file of stages/scores/extractors/.
        title: one line for readers.
        feature_dimension: D, the number of features that FID compares.
        class_count: K, the number of classes for the Inception Score; None if the network tells no classes apart.
        image_shape: C, H, W of the images that the network accepts; None if it accepts any.
        width: the width of the classifier; None for Inception.
        precision: the precision of the network's computations, `float32` or `bfloat16`.
        weights_sha256: the SHA-256 of the file of weights that was trained or downloaded.
        file_sha256: the SHA-256 of weights.safetensors, which is compared whenever the weights are read.
        test_accuracy: the network's accuracy on the test split, in [0, 1]; None if it was not trained here on labels.
        train_count: number of images that the network was trained on; None if it was not trained here.
        test_count: number of images that the accuracy was measured on; None without an accuracy.
        model: the name of the network among the extractor's networks; None if there is only one.
        image_size: side of the square that images are resized to; None if `resize` includes the size.
        resize: the method of resizing images; None in the cards of earlier versions.
        normalisation: the normalisation of pixels; None if it is part of the network's definition.
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
        """The network's method of resizing images, with the size."""
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
