"""An exponential moving average of the generator, which the snapshots hold where `train.ema_decay` asks for it."""

import torch
from torch import Tensor, nn

from stages.networks.weights import export_state


class GeneratorEma:
    """A second copy of the generator's state that follows the first at a distance; it never trains.

    Batch norm's running mean and variance are averaged like the weights, whose activations they describe; its
    count of batches is copied. Until there are steps enough for the full decay, the average is over fewer:
    the decay after t generator steps is min(decay, (1 + t) / (10 + t)), as in TensorFlow's
    ExponentialMovingAverage with `num_updates`.

    Source: Yazici et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training", equation 2.

    Attributes:
        tensors: the averaged state by name, on the generator's device; what a snapshot holds.
    """

    def __init__(self, generator: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: value.detach().clone() for name, value in export_state(generator).items()}

    @torch.no_grad()
    def update(self, generator: nn.Module, generator_step: int) -> None:
        """Move towards the generator after its step number `generator_step`, counted from 1."""
        decay = min(self.decay, (1 + generator_step) / (10 + generator_step))
        for name, value in export_state(generator).items():
            if value.is_floating_point():
                self.tensors[name].lerp_(value, 1.0 - decay)
            else:
                self.tensors[name].copy_(value)

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore a saved average."""
        for name, value in self.tensors.items():
            value.copy_(tensors[name])
