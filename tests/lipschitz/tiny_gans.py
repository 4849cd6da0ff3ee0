"""Small GANs of the model zoo, with their options, on 8 x 8 grey images."""

from typing import Any

import torch

from stages.networks.gan import Gan, load_gan_module
from stages.networks.params import NetworksParams

SHAPE = (1, 8, 8)
NETWORKS = NetworksParams(architecture="standard", z_dimension=4, width=3, negative_slope=0.1)
STEPS = {"discriminator_steps": None}
OPTIONS: dict[str, dict[str, Any]] = {
    "began": STEPS
    | {
        "gamma": 0.7,
        "lambda_k": 0.5,
        "code_dimension": 5,
        "patience_generator_steps": 5,
        "minimum_learning_rate": 0.00002,
    },
    "ebgan": STEPS | {"margin": 0.2, "pull_away_weight": 0.1, "code_dimension": 5},
    "wgan_gp": STEPS | {"gradient_penalty_weight": 10.0, "full_precision_penalty": True},
    "batch_norm": STEPS | {"loss": "non_saturating"},
    "layer_norm": STEPS | {"loss": "non_saturating"},
    "sngan": STEPS
    | {
        "loss": "non_saturating",
        "lipschitz_constant": 1.0,
        "power_iterations": 1,
        "normalise_generator": False,
    },
}


def build(name: str, seed: int = 0) -> Gan:
    """Build a GAN of the model zoo with seeded weights in float64."""
    torch.manual_seed(seed)
    module = load_gan_module(name)
    gan: Gan = module.GAN(SHAPE, NETWORKS, module.Options(**OPTIONS[name]))
    return gan.double()
