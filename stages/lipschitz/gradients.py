"""Compute the norm of the gradient of a discriminator's score with respect to each image."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from stages.common.errors import InputError
from stages.lipschitz.layers import Layer, forward_hooks
from stages.networks.gan import Batch, Gan
from stages.networks.normalisers import EPSILON, BatchNormWithoutGain


class GradientNorms(NamedTuple):
    """The gradient norms and the normalisers' Jacobian norms at N images.

    Attributes:
        norms: the Euclidean norm of the gradient of Gan.score at each image, float [N].
        jacobian_norms: the spectral norm of each normaliser's Jacobian at each image, float [N], by the layer's name.
    """

    norms: Tensor
    jacobian_norms: dict[str, Tensor]


def compute_gradient_norms(gan: Gan, layers: list[Layer], batch: Batch) -> GradientNorms:
    """Differentiate the score of each image with respect to that image.

    Under batch norm the score of an image depends on the whole batch. Here the mean and the variance of the batch are
    constants of the derivative, as they are when a batch norm uses running statistics.

    Args:
        gan: the GAN whose discriminator is measured.
        layers: the layers of the discriminator's forward pass.
        batch: N > 1 images, with labels for a conditional GAN.

    Raises:
        InputError: the GAN's `score` does not give one number for each image.
    """
    jacobian_norms: dict[str, Tensor] = {}

    def record(name: str, module: nn.Module, input: Tensor, output: Tensor) -> Tensor | None:
        is_batch_norm = isinstance(module, BatchNormWithoutGain)
        deviation = compute_deviation(input.detach(), is_batch_norm)
        jacobian_norms[name] = compute_jacobian_norm(deviation, len(batch.images))
        if not is_batch_norm:
            return None
        mean = input.detach().mean((0, 2, 3), keepdim=True)
        return (input - mean) / deviation + module.offset.view(1, -1, 1, 1)  # type: ignore[operator]

    normalisers = [(layer.name, layer.module) for layer in layers if layer.is_normaliser]
    images = batch.images.detach().clone().requires_grad_(True)
    with forward_hooks(normalisers, record):
        scores = gan.score(Batch(images, batch.labels))
    if scores.shape != images.shape[:1]:
        raise InputError(
            f"{type(gan).__module__}: score returns the shape {list(scores.shape)} for images of the shape "
            f"{list(images.shape)}, but must return one number for each image; override score, and gradient_bound "
            "with it, if the discriminator's output is not a score"
        )
    (gradients,) = torch.autograd.grad(scores.sum(), images)
    return GradientNorms(gradients.flatten(1).norm(dim=1), jacobian_norms)


def compute_deviation(maps: Tensor, is_batch_norm: bool) -> Tensor:
    """Compute the standard deviation that a normaliser divides maps float [N, C, H, W] by.

    Returns:
        float [1, C, 1, 1] for batch norm, float [N, 1, 1, 1] for layer norm.
    """
    axes = (0, 2, 3) if is_batch_norm else (1, 2, 3)
    return (maps.var(axes, correction=0, keepdim=True) + EPSILON).sqrt()


def compute_jacobian_norm(deviation: Tensor, count: int) -> Tensor:
    """Compute the spectral norm of a normaliser's Jacobian at each of `count` images: float [count].

    The Jacobian of layer norm is (I - 11^T/D - yy^T/D) / deviation with the D normalised values y, which is a
    projection over the deviation. That of batch norm with constant statistics divides each channel by its deviation,
    so its norm belongs to the channel with the smallest deviation.
    """
    return (1.0 / deviation).flatten(1).amax(1).expand(count)
