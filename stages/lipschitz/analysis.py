"""Analyse one snapshot of a discriminator: its layers' singular values, its gradients and their bounds."""

import math
from typing import Any

import torch
from torch import Tensor

from stages.lipschitz.gradients import compute_gradient_norms
from stages.lipschitz.layers import Layer, trace_layers
from stages.lipschitz.params import LipschitzParams
from stages.lipschitz.singular_values import SingularValues, measure_singular_values
from stages.networks.gan import Batch, Gan

Row = dict[str, Any]


def analyse_discriminator(
    gan: Gan, images: dict[str, Tensor], params: LipschitzParams, seed: int, labels: Tensor | None = None
) -> Row:
    """Analyse the discriminator of a GAN.

    Args:
        gan: the GAN with the networks of the snapshot.
        images: float [N, C, H, W] in [-1, 1] with N > 1, by the keys real, fake and interpolated.
        params: the section `lipschitz` of params.yaml.
        seed: the seed of the random starts of the iterative methods.
        labels: int64 [N], the labels of the images of every key, for a conditional GAN.

    Returns:
        A row of JSON values, where None stands for a number that is not finite:
        `score_name`: what the score of an image measures, in words;
        `layers`: the SingularValues of each linear layer;
        `normalisers`: the largest norm of each normaliser's Jacobian at any image;
        `has_bound`: whether the layers' norms bound the norm of the discriminator's Jacobian;
        `sigma_product`, `operator_norm_product`: the products of `sigma` and of `operator_norm` over the layers;
        `gradient_norm`, `local_bound`, `share_of_bound`: for each key of images the mean, the deviation and the largest
        value of the gradient's norm, of the bound at the image, and of the norm divided by the bound. The last two are
        None without a bound. The bound is Gan.gradient_bound of the product of all operator norms and of the
        normalisers' Jacobian norms at the image.
    """
    trace = trace_layers(gan, Batch(images["real"][:2], None if labels is None else labels[:2]))
    linear_layers = [layer for layer in trace.layers if layer.is_linear]
    # Every snapshot has its own random generator, so that its row does not depend on other snapshots.
    random = torch.Generator().manual_seed(seed)
    values = [measure_singular_values(layer, params, random) for layer in linear_layers]
    operator_norm_product = math.prod(value.operator_norm for value in values)
    gradient_norm, local_bound, share_of_bound = {}, {}, {}
    largest: dict[str, float] = {}
    for key, images_of_key in images.items():
        batch = Batch(images_of_key, labels)
        norms, jacobian_norms = compute_gradient_norms(gan, trace.layers, batch)
        jacobian_bound = torch.full_like(norms, operator_norm_product)
        for name, jacobian_norm in jacobian_norms.items():
            largest[name] = max(largest.get(name, 0.0), float(jacobian_norm.max()))
            jacobian_bound = jacobian_bound * jacobian_norm
        bound = gan.gradient_bound(batch, jacobian_bound)
        gradient_norm[key] = summarise_values(norms)
        local_bound[key] = summarise_values(bound) if trace.has_bound else None
        share_of_bound[key] = summarise_values(norms / bound) if trace.has_bound else None
    return {
        "score_name": gan.score_name,
        "layers": [describe_layer(layer, value) for layer, value in zip(linear_layers, values, strict=True)],
        "normalisers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "largest_jacobian_norm": finite_or_none(largest[layer.name]),
            }
            for layer in trace.layers
            if layer.is_normaliser
        ],
        "has_bound": trace.has_bound,
        "sigma_product": finite_or_none(math.prod(value.sigma for value in values)),
        "operator_norm_product": finite_or_none(operator_norm_product),
        "gradient_norm": gradient_norm,
        "local_bound": local_bound,
        "share_of_bound": share_of_bound,
    }


def describe_layer(layer: Layer, values: SingularValues) -> Row:
    """Describe a linear layer by its name, its kind, its singular values and the error of power iteration."""
    return {"name": layer.name, "kind": layer.kind, **values._asdict(), "sigma_error": values.sigma_error}


def summarise_values(values: Tensor) -> dict[str, float | None]:
    """Compute the mean, the standard deviation and the largest of values float [N]."""
    values = values.double()
    return {
        "mean": finite_or_none(float(values.mean())),
        "deviation": finite_or_none(float(values.std(correction=0))),
        "largest": finite_or_none(float(values.max())),
    }


def finite_or_none(value: float) -> float | None:
    """Return None for a number that is not finite, which JSON cannot hold."""
    return value if math.isfinite(value) else None
