"""Look at one snapshot of a discriminator: how far each layer stretches, how steep the whole is, and what bounds it."""

import math
from typing import Any

import torch
from torch import Tensor

from stages.lipschitz.gradients import compute_gradient_norms
from stages.lipschitz.layers import NORMALISERS, trace_layers
from stages.lipschitz.params import LipschitzParams
from stages.lipschitz.singular_values import SingularValues, measure_singular_values
from stages.networks.gan import Batch, Gan

Row = dict[str, Any]


def analyse(
    gan: Gan, images: dict[str, Tensor], params: LipschitzParams, seed: int, labels: Tensor | None = None
) -> Row:
    """Analyse a GAN's discriminator.

    Args:
        gan: with the snapshot's networks.
        images: real, fake and interpolated ones, by these names: float [N, C, H, W] in [-1, 1], N > 1.
        params: how closely.
        seed: of the iterations' starts.
        labels: int64 [N], held fixed while an image moves, of a conditional GAN's images of every kind.

    Returns:
        The SingularValues of each linear layer, and for each normaliser the largest factor that it stretches by. Of the
        whole: the products over layers of `sigma`, and of `operator_norm`. By kind of image the `gradient_norm`;
        the `local_bound`: the product of the operator norms and of the normalisers' factors at an image, brought
        through what is done to the network's output; and the `share_of_bound`, the gradient's norm over that bound.
        The last two are None where the layers are not one chain. JSON-able, so None for what is no finite number.
    """
    trace = trace_layers(gan, Batch(images["real"][:2], None if labels is None else labels[:2]))
    # Power iteration and ARPACK start anew for each layer and snapshot, so that no row depends on another.
    random = torch.Generator().manual_seed(seed)
    norms = {
        layer.name: measure_singular_values(layer, params, random)
        for layer in trace.layers
        if layer.is_linear
    }
    sigma_product = math.prod(norm.sigma for norm in norms.values())
    operator_norm_product = math.prod(norm.operator_norm for norm in norms.values())
    gradient_norm, local_bound, share_of_bound = {}, {}, {}
    factors: dict[str, float] = {}
    for kind, shown in images.items():
        batch = Batch(shown, labels)
        measured = compute_gradient_norms(gan, trace.layers, batch)
        bound_of_jacobian = torch.full_like(measured.norms, operator_norm_product)
        for name, factor in measured.jacobian_norms.items():
            factors[name] = max(factors.get(name, 0.0), float(factor.max()))
            bound_of_jacobian = bound_of_jacobian * factor
        bound = gan.gradient_bound(batch, bound_of_jacobian)
        gradient_norm[kind] = summarise(measured.norms)
        local_bound[kind] = summarise(bound) if trace.has_bound else None
        share_of_bound[kind] = summarise(measured.norms / bound) if trace.has_bound else None
    return {
        "score_name": gan.score_name,
        "layers": [
            {"name": layer.name, "kind": layer.kind, **describe_norms(norms[layer.name])}
            for layer in trace.layers
            if layer.is_linear
        ],
        "normalisers": [
            {"name": layer.name, "kind": layer.kind, "largest_jacobian_norm": to_number(factors[layer.name])}
            for layer in trace.layers
            if layer.kind in NORMALISERS.values()
        ],
        "has_bound": trace.has_bound,
        "sigma_product": to_number(sigma_product),
        "operator_norm_product": to_number(operator_norm_product),
        "gradient_norm": gradient_norm,
        "local_bound": local_bound,
        "share_of_bound": share_of_bound,
    }


def describe_norms(norms: SingularValues) -> Row:
    """Describe a layer's norms with the error of the estimate."""
    return {**norms._asdict(), "sigma_error": norms.sigma_error}


def summarise(values: Tensor) -> dict[str, float | None]:
    """Give mean, standard deviation and largest of float [N]."""
    values = values.double()
    return {
        "mean": to_number(float(values.mean())),
        "deviation": to_number(float(values.std(correction=0))),
        "largest": to_number(float(values.max())),
    }


def to_number(value: float) -> float | None:
    """Turn what JSON does not have into None."""
    return value if math.isfinite(value) else None
