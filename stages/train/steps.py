"""One update of each network: what is computed, in which precision, and by how many processes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn
from torch.nn.utils import parametrize
from torch.optim import Optimizer

from stages.networks.distributed import get_world_size
from stages.networks.gan import Batch, Loss
from stages.train.params import TrainParams
from stages.train.state import TrainState


def make_steps(training: TrainState, params: TrainParams) -> "Steps":
    """Choose how the steps are run: one kernel after another, compiled, or as CUDA graphs.

    Raises:
        ValueError: what is asked for needs another device, or one process.
    """
    if not params.cuda_graphs:
        return Steps(training, params)
    from stages.train.cuda_graphs import CapturedSteps

    return CapturedSteps(training, params)


def reduces_precision(params: TrainParams, device: torch.device) -> bool:
    """Tell whether the networks' layers compute in bfloat16 on `device`.

    `auto` does so on a GPU that has it in hardware (compute capability 8.0, an A100, and later), nowhere else:
    a CPU may have it too, but then the same params would give other results on the next one.
    """
    if params.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return params.precision == "bfloat16"


class Steps:
    """The two updates; each returns its loss, averaged over the processes that share the batch."""

    def __init__(self, training: TrainState, params: TrainParams) -> None:
        self.training = training
        self.reuses_fake = params.reuse_fake
        self._reduces_precision = reduces_precision(params, training.device)
        self._fake: Batch | None = None
        if params.compile:
            training.gan.generator.compile()
            training.gan.discriminator.compile()

    def update_discriminator(self, real: Batch, is_last: bool) -> Loss:
        """Update the discriminator once, on fresh noise.

        Args:
            real: this process's images, float32.
            is_last: whether the generator's update is next, which then may use the same images.
        """
        gan = self.training.gan
        self._fake = None
        is_kept = self.reuses_fake and is_last
        if is_kept:
            gan.before_generator_step()
        with self._precision(), torch.set_grad_enabled(is_kept):
            fake = gan.generate(len(real.images), self.training.random)
        if fake.images.requires_grad:
            self._fake = fake
        gan.before_discriminator_step()
        with self._precision():
            loss = gan.discriminator_loss(real, fake.detach(), self.training.random)
        return _minimise(loss, gan.discriminator, self.training.discriminator_optimizer)

    def update_generator(self, count: int) -> Loss:
        """Update the generator once, on `count` images; the discriminator needs no gradients of its own for that."""
        gan = self.training.gan
        gan.discriminator.requires_grad_(False)
        fake, self._fake = self._fake, None
        if fake is None:
            gan.before_generator_step()
        with self._precision():
            if fake is None:
                fake = gan.generate(count, self.training.random)
            loss = gan.generator_loss(fake)
        loss = _minimise(loss, gan.generator, self.training.generator_optimizer)
        gan.discriminator.requires_grad_(True)
        return loss

    @contextmanager
    def _precision(self) -> Iterator[None]:
        """Compute in the chosen precision, and each parametrized weight once however often it is used."""
        device = self.training.device.type
        with torch.autocast(device, torch.bfloat16, self._reduces_precision), parametrize.cached():
            yield


def _minimise(loss: Loss, network: nn.Module, optimizer: Optimizer) -> Loss:
    optimizer.zero_grad()
    loss.total.backward()
    if get_world_size() > 1:
        loss = _average(loss, network)
    optimizer.step()
    return loss


@torch.no_grad()
def _average(loss: Loss, network: nn.Module) -> Loss:
    """Average gradients, loss and diagnostics over the processes, in one message."""
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    scalars = [loss.total.detach(), *loss.diagnostics.values()]
    parts = [*gradients, *scalars]
    message = torch.cat([part.float().flatten() for part in parts])
    distributed.all_reduce(message)
    message /= get_world_size()
    averages = message.split([part.numel() for part in parts])
    for gradient, values in zip(gradients, averages, strict=False):
        gradient.copy_(values.view(gradient.shape))
    total, *diagnostics = (values.view(()) for values in averages[len(gradients) :])
    return Loss(total, dict(zip(loss.diagnostics, diagnostics, strict=True)))
