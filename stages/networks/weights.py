"""The initial weights of all networks, and the state that their snapshots hold."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def export_state(module: nn.Module) -> dict[str, Tensor]:
    """Return a module's state with every parametrized tensor as it is used, under its plain name.

    A generator's snapshot is loaded into networks that know nothing of how its weights were normalised.
    """
    state = module.state_dict()
    for name, layer in module.named_modules():
        if nn.utils.parametrize.is_parametrized(layer):
            for key in layer.parametrizations:
                prefix = f"{name}.parametrizations.{key}."
                state = {other: value for other, value in state.items() if not other.startswith(prefix)}
                state[f"{name}.{key}"] = getattr(layer, key).detach()
    return state


def init_weights(module: nn.Module) -> None:
    """Draw every weight by Glorot's uniform rule and set every offset to zero, in the modules' order.

    Source: Glorot and Bengio 2010, equation 16. The report's code and Radford et al. 2016 draw from
    N(0, 0.02^2), which suits a width of 64 and more; in narrower networks signals all but vanish under it.
    A layer that asks for another gain than 1 has it as its `gain`.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Embedding):
            nn.init.xavier_uniform_(layer.weight)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=getattr(layer, "gain", 1.0))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
