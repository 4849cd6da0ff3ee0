"""An exponential moving average of the generator, which the snapshots hold where `train.ema_decay` asks for it."""

import torch
from torch import Tensor, nn

from stages.networks.weights import export_state


class GeneratorEma:
    """An exponential moving average of the generator's state.

    Batch norm's running mean and variance are averaged like the weights, since they describe the activations that the
    weights produce; its count of batches is copied. The decay grows to its full value: after t generator steps it is
    min(decay, (1 + t) / (10 + t)), as in TensorFlow's ExponentialMovingAverage with `num_updates`.

    Source: Yazici et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training", equation 2.

    Attributes:
        tensors: the averaged state by name, on the generator's device, which snapshots hold.
    """

    def __init__(self, generator: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: value.detach().clone() for name, value in export_state(generator).items()}

    @torch.no_grad()
    def update(self, generator: nn.Module, step: Tensor) -> None:
        """Move the average towards the generator.

        Args:
            generator: the generator whose state is averaged.
            step: the number of finished generator steps, an int64 scalar on the generator's device.
        """
        # The weight is computed in float64, as Python's numbers are.
        weight = 1.0 - torch.clamp((step.double() + 1.0) / (step.double() + 10.0), max=self.decay)
        # Reading the number from a GPU would synchronise with it, and cannot be part of a CUDA graph.
        amount = weight.item() if step.device.type == "cpu" else weight.float()
        for name, value in export_state(generator).items():
            if value.is_floating_point():
                self.tensors[name].lerp_(value, amount)
            else:
                self.tensors[name].copy_(value)

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore a saved average, by the names of its tensors."""
        for name, value in self.tensors.items():
            value.copy_(tensors[name])
