"""How steep a discriminator is at images: the norm of its gradient with respect to its input."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from stages.lipschitz.layers import NORMALISERS, Layer, watching
from stages.networks.gan import Batch, Gan
from stages.networks.normalisers import EPSILON, BatchNormWithoutGain


class GradientNorms(NamedTuple):
    """What was measured at N images.

    Attributes:
        norms: Euclidean norm of the gradient of Gan.score at each image: float [N].
        jacobian_norms: how far each normaliser stretches at each image, by its name: float [N].
    """

    norms: Tensor
    jacobian_norms: dict[str, Tensor]


def compute_gradient_norms(gan: Gan, layers: list[Layer], shown: Batch) -> GradientNorms:
    """Differentiate what the discriminator says of each image by that image.

    Under batch norm what is said of one image depends on all of the batch. Here the batch's mean and variance are held
    fixed while an image moves, as they are once a batch norm is used with running statistics; the images are one batch.

    Args:
        gan: whose discriminator.
        layers: those that it runs through.
        shown: N > 1 images; labels stay what they are.

    Raises:
        ValueError: the GAN's `score` does not give one number an image.
    """
    factors: dict[str, Tensor] = {}

    def see(name: str, module: nn.Module, taken: Tensor, given: Tensor) -> Tensor | None:
        is_batch = isinstance(module, BatchNormWithoutGain)
        deviation = find_deviation(taken.detach(), is_batch)
        factors[name] = find_factor(deviation, len(shown.images))
        if not is_batch:
            return None
        mean = taken.detach().mean((0, 2, 3), keepdim=True)
        return (taken - mean) / deviation + module.offset.view(1, -1, 1, 1)  # type: ignore[operator]

    normalisers = [(layer.name, layer.module) for layer in layers if layer.kind in NORMALISERS.values()]
    images = shown.images.detach().clone().requires_grad_(True)
    with watching(normalisers, see):
        scores = gan.score(Batch(images, shown.labels))
    if scores.shape != images.shape[:1]:
        raise ValueError(
            f"{type(gan).__module__}: score gives {list(scores.shape)} for {list(images.shape)}, expected one "
            "number an image; override score (and gradient_bound) where the discriminator gives no score"
        )
    (gradients,) = torch.autograd.grad(scores.sum(), images)
    return GradientNorms(gradients.flatten(1).norm(dim=1), factors)


def find_deviation(maps: Tensor, is_batch: bool) -> Tensor:
    """Return what maps float [N, C, H, W] are divided by: [1, C, 1, 1] for batch norm, [N, 1, 1, 1] for layer norm."""
    axes = (0, 2, 3) if is_batch else (1, 2, 3)
    return (maps.var(axes, correction=0, keepdim=True) + EPSILON).sqrt()


def find_factor(deviation: Tensor, count: int) -> Tensor:
    """Return the norm of a normaliser's Jacobian at each of `count` images: float [count].

    Layer norm's is (I - 11^T/D - yy^T/D) / deviation, y being the normalised maps: a projection, over the deviation.
    Batch norm's, statistics held, divides each channel, and stretches most where a channel deviates least.
    """
    return (1.0 / deviation).flatten(1).amax(1).expand(count)
