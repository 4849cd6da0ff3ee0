"""The update of each network, in the chosen precision and on one or several processes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn
from torch.nn.utils import parametrize
from torch.optim import Optimizer

from stages.common.compute import allow_tf32
from stages.networks.distributed import get_world_size
from stages.networks.gan import Batch, Loss
from stages.train.data import Batches, RawBatch
from stages.train.params import TrainParams
from stages.train.state import TrainState


def uses_bfloat16(params: TrainParams, device: torch.device) -> bool:
    """Return whether the networks' layers compute in bfloat16 on `device`.

    With `auto` they do on a GPU with hardware support (compute capability 8.0, an A100, and later), and nowhere else.
    Some CPUs have it, too, but then the same params would give different results on different CPUs.
    """
    if params.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return params.precision == "bfloat16"


class Steps:
    """The two updates of a training; each returns its loss, averaged over the processes that train together.

    Each update does all of its work on the device: it assembles the batch, computes the loss and the gradients, steps
    the optimiser, and records a loss that is not finite.
    """

    def __init__(self, state: TrainState, batches: Batches, params: TrainParams) -> None:
        self.state = state
        self.batches = batches
        self.reuses_fake = params.reuse_fake
        self._uses_bfloat16 = uses_bfloat16(params, state.device)
        self._fake: Batch | None = None
        allow_tf32(params.precision == "tf32" and state.device.type == "cuda")
        if params.compile:
            state.gan.generator.compile()
            state.gan.discriminator.compile()

    def update_discriminator(self, raw: RawBatch, is_last: bool) -> Loss:
        """Update the discriminator once, on fresh noise.

        Args:
            raw: the real images, as `Batches.fetch` returns them.
            is_last: whether the generator's update follows, which may then use the same generated images.

        Returns:
            The loss, without its autograd graph.
        """
        gan = self.state.gan
        real = self.batches.assemble(raw)
        self._fake = None
        is_kept = self.reuses_fake and is_last
        if is_kept:
            gan.before_generator_step()
        with self._precision(), torch.set_grad_enabled(is_kept):
            fake = gan.generate(len(real.images), self.state.random)
        if fake.images.requires_grad:
            self._fake = fake
        gan.before_discriminator_step()
        with self._precision():
            loss = gan.discriminator_loss(real, fake.detach(), self.state.random)
        loss = _minimise(loss, gan.discriminator, self.state.discriminator_optimizer)
        gan.after_discriminator_step(loss)
        self.state.check_finite(loss.total)
        return loss

    def update_generator(self) -> Loss:
        """Update the generator once, without computing gradients of the discriminator's weights.

        Returns:
            The loss, without its autograd graph.
        """
        gan = self.state.gan
        gan.discriminator.requires_grad_(False)
        fake, self._fake = self._fake, None
        if fake is None:
            gan.before_generator_step()
        with self._precision():
            if fake is None:
                fake = gan.generate(self.batches.local_batch_size, self.state.random)
            loss = gan.generator_loss(fake)
        loss = _minimise(loss, gan.generator, self.state.generator_optimizer)
        gan.discriminator.requires_grad_(True)
        self.state.check_finite(loss.total)
        self.state.count_generator_step()
        return loss

    @contextmanager
    def _precision(self) -> Iterator[None]:
        """Compute in the chosen precision, and compute each parametrized weight only once."""
        device = self.state.device.type
        with torch.autocast(device, torch.bfloat16, self._uses_bfloat16), parametrize.cached():
            yield


def _minimise(loss: Loss, network: nn.Module, optimizer: Optimizer) -> Loss:
    """Minimise a loss by one optimiser step; return the loss, averaged over processes, without its autograd graph."""
    optimizer.zero_grad()
    loss.total.backward()
    loss = loss._replace(total=loss.total.detach())
    if get_world_size() > 1:
        loss = _all_reduce(loss, network)
    optimizer.step()
    return loss


@torch.no_grad()
def _all_reduce(loss: Loss, network: nn.Module) -> Loss:
    """Average gradients, loss and diagnostics over the processes, in one message."""
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    scalars = [loss.total, *loss.diagnostics.values()]
    parts = [*gradients, *scalars]
    message = torch.cat([part.float().flatten() for part in parts])
    distributed.all_reduce(message)
    message /= get_world_size()
    averages = message.split([part.numel() for part in parts])
    for gradient, values in zip(gradients, averages, strict=False):
        gradient.copy_(values.view(gradient.shape))
    total, *diagnostics = (values.view(()) for values in averages[len(gradients) :])
    return Loss(total, dict(zip(loss.diagnostics, diagnostics, strict=True)))
