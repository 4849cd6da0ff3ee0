"""Initialise weights, and export them without their parametrizations."""

import torch
from torch import Tensor, nn


def init_weights(module: nn.Module) -> None:
    """Initialise every weight by Glorot's uniform rule and every bias by zero, in the order of the modules.

    A layer whose rule needs a gain other than 1 has it as its attribute `gain`.

    Source: Glorot and Bengio 2010, equation 16. The published report's code and Radford et al. 2016 sample from
    N(0, 0.02^2), which suits a width of 64 and more; in narrower networks the signals nearly vanish under it.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Embedding):
            nn.init.xavier_uniform_(layer.weight)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=getattr(layer, "gain", 1.0))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@torch.no_grad()
def export_state(module: nn.Module) -> dict[str, Tensor]:
    """Return a module's state dict with the final value of each parametrized tensor, under the tensor's plain name.

    A snapshot of a generator is loaded into networks that have no parametrizations.
    """
    state = module.state_dict()
    for name, layer in module.named_modules():
        if nn.utils.parametrize.is_parametrized(layer):
            for key in layer.parametrizations:
                prefix = f"{name}.parametrizations.{key}."
                state = {other: value for other, value in state.items() if not other.startswith(prefix)}
                state[f"{name}.{key}"] = getattr(layer, key).detach()
    return state
