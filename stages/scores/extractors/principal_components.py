"""The extractor `principal_components`, which projects pixels on the training images' principal components.

Distances between its features approximate those between pixels. It knows nothing of the images' content, so a ranking
of GANs that agrees with that of a network's features does not depend on the network. It needs no labels and no
download.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from scipy.linalg import eigh
from torch import Tensor

from stages.common.artifacts import EXTRACTOR, images_file, read_images
from stages.common.errors import InputError
from stages.common.pixels import pixels_to_tensor
from stages.scores.card import Card
from stages.scores.classifier import ExtractorOutput, Network
from stages.scores.extractor_zoo import ExtractorOptions
from stages.scores.moments import StreamingMoments
from stages.scores.weights_files import write_weights

IMAGES_AT_A_TIME = 1000
# The covariance of more pixel values takes more than a gigabyte; colour images of 64 x 64 have this number.
LARGEST_PIXELS = 12_288
# A component with a smaller share of the largest variance consists of rounding errors.
LEAST_SHARE = 1e-10


class Options(ExtractorOptions):
    """The number of components, and whether they are scaled to equal variance.

    Attributes:
        dimension: D, the number of components.
        is_whitened: whether each component is divided by its deviation over the training images. Without whitening,
            distances are those between pixels; with it, the last components, noise and edges, weigh as much as the
            first.
    """

    dimension: int = Field(ge=2, le=4096)
    is_whitened: bool

    def count_features(self) -> int:
        """Return D."""
        return self.dimension


def make(options: Options, device: torch.device, folder: Path = EXTRACTOR) -> Card:
    """Fit the components to the prepared training images, in one pass, and write them.

    Raises:
        InputError: the prepared data is missing or damaged, the images are too large, or they vary along fewer
            directions than `dimension`.
    """
    images = read_images(images_file("train"), made_by="prepare")
    pixel_count = int(np.prod(images.shape[1:]))
    if not options.dimension <= pixel_count <= LARGEST_PIXELS:
        raise InputError(
            f"extractor.principal_components: images {list(images.shape[1:])} have {pixel_count} numbers; allowed are "
            f"dimension = {options.dimension} to {LARGEST_PIXELS}; change dimension or prepare.image_size"
        )
    moments = StreamingMoments(pixel_count)
    for start in range(0, len(images), IMAGES_AT_A_TIME):
        part = torch.from_numpy(np.array(images[start : start + IMAGES_AT_A_TIME]))
        moments.add(pixels_to_tensor(part).flatten(1).numpy())
    fitted = moments.finish()
    first = pixel_count - options.dimension
    variances, vectors = eigh(fitted.covariance, subset_by_index=(first, pixel_count - 1))
    if variances[0] <= LEAST_SHARE * variances[-1]:
        raise InputError(
            f"extractor.principal_components.dimension = {options.dimension}: the {len(images)} training images vary "
            f"along fewer directions; lower it or raise prepare.train_limit"
        )
    components = _orient(vectors[:, ::-1].T)
    if options.is_whitened:
        components /= np.sqrt(variances[::-1])[:, None]
    state = {"mean": torch.from_numpy(fitted.mean), "components": torch.from_numpy(components.copy())}
    sha256 = write_weights({name: value.float() for name, value in state.items()}, folder)
    share = variances.sum() / fitted.total_variance()
    return Card(
        name="principal_components",
        title=f"{options.dimension} principal components of the training images' pixels, which hold {share:.1%} of "
        f"their variance, {'scaled to equal variance' if options.is_whitened else 'not scaled'}",
        feature_dimension=options.dimension,
        class_count=None,
        image_shape=list(images.shape[1:]),
        width=None,
        precision="float32",
        weights_sha256=sha256,
        file_sha256=sha256,
        test_accuracy=None,
        train_count=len(images),
        test_count=None,
        resize="none",
    )


def load(card: Card, state: Mapping[str, Tensor], device: torch.device) -> Network:
    """Build the projection that a card describes.

    Raises:
        RuntimeError: the weights are not those of the components.
    """
    assert card.image_shape is not None
    expected = (card.feature_dimension, int(np.prod(card.image_shape)))
    if state.keys() != {"mean", "components"} or tuple(state["components"].shape) != expected:
        raise RuntimeError("these are not the components")
    mean, components = (state[name].to(device) for name in ("mean", "components"))

    def project(pixels: Tensor) -> ExtractorOutput:
        features = (pixels_to_tensor(pixels).flatten(1) - mean) @ components.T
        return ExtractorOutput(features, features.new_empty((len(features), 0)))

    return project


def _orient(components: np.ndarray) -> np.ndarray:
    """Choose the sign of each row such that its largest number is positive, because the fit leaves the sign open."""
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    oriented: np.ndarray = components * np.sign(largest)
    return oriented
