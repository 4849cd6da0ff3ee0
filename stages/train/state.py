"""The state of a training: networks, optimisers, random generator, counters and the generator's moving average."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from stages.common.compute import derive_seed
from stages.networks.distributed import convert_sync_batch_norms, get_world_size
from stages.networks.gan import Gan
from stages.networks.weights import export_state
from stages.train.data import MEMORY_FORMATS
from stages.train.ema import GeneratorEma
from stages.train.params import Setting, TrainParams

NEVER = 2**62


class TrainState:
    """The networks, their optimisers, the random generator and the counters of one trial.

    Attributes:
        gan: the networks, in the layout of `train.memory_format`.
        device: the device of the networks.
        random: the random generator of z and of all other noise of the training.
        generator_step: the number of finished generator steps.
        discriminator_steps: the number of finished discriminator steps.
        step_counter: int64 scalar on the device, the number of finished generator steps for use in kernels. It equals
            `generator_step` except while a step is being computed.
        first_non_finite: int64 scalar on the device, the first generator step with a loss that is not a
            finite number, NEVER until there is one.
        ema: the moving average of the generator that goes into its snapshots, or None.
    """

    def __init__(
        self, gan: Gan, setting: Setting, params: TrainParams, seed: int, device: torch.device
    ) -> None:
        self.gan = gan.to(device).to(memory_format=MEMORY_FORMATS[params.memory_format])
        convert_sync_batch_norms(self.gan)
        self.device = device
        self.setting = setting
        is_captured = params.captures_updates(device.type, get_world_size())
        self.generator_optimizer = make_adam(
            gan.generator, setting.generator_learning_rate, setting, is_captured, device
        )
        self.discriminator_optimizer = make_adam(
            gan.discriminator, setting.discriminator_learning_rate, setting, is_captured, device
        )
        self.random = torch.Generator(device).manual_seed(derive_seed(seed, "noise"))
        self.generator_step = 0
        self.discriminator_steps = 0
        self.step_counter = torch.tensor(0, device=device)
        self.first_non_finite = torch.tensor(NEVER, device=device)
        decay = params.ema_decay
        self.ema = None if decay is None else GeneratorEma(self.gan.generator, decay)

    def position(self, batches_per_epoch: int) -> dict[str, int | float]:
        """Return the training's position: generator step, epoch of the discriminator's data, discriminator steps."""
        return {
            "generator_step": self.generator_step,
            "epoch": round(self.discriminator_steps / batches_per_epoch, 6),
            "discriminator_steps": self.discriminator_steps,
        }

    def optimizers(self) -> dict[str, Adam]:
        """Return both optimisers by their names in a checkpoint."""
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def schedule_learning_rates(self) -> None:
        """Set both learning rates to the GAN's scheduled values of the setting's rates."""
        for optimizer, rate in (
            (self.generator_optimizer, self.setting.generator_learning_rate),
            (self.discriminator_optimizer, self.setting.discriminator_learning_rate),
        ):
            set_learning_rate(optimizer, self.gan.schedule_learning_rate(rate))

    @torch.no_grad()
    def check_finite(self, loss: Tensor) -> None:
        """Record the current generator step if `loss`, a scalar, is not finite, without waiting for the device."""
        step = torch.where(torch.isfinite(loss), NEVER, self.step_counter + 1)
        self.first_non_finite.copy_(torch.minimum(self.first_non_finite, step))

    @torch.no_grad()
    def check_generator_finite(self) -> None:
        """Record the generator step that has just finished if any weight of the generator is not finite."""
        norm = torch.nn.utils.get_total_norm(list(self.gan.generator.parameters()))
        step = torch.where(torch.isfinite(norm), NEVER, self.step_counter)
        self.first_non_finite.copy_(torch.minimum(self.first_non_finite, step))

    @torch.no_grad()
    def count_generator_step(self) -> None:
        """Count a finished generator step on the device, and move the generator's average, if there is one."""
        self.step_counter += 1
        if self.ema is not None:
            self.ema.update(self.gan.generator, self.step_counter)

    def generator_tensors(self) -> dict[str, Tensor]:
        """Return the tensors for a snapshot: the generator's own, or their moving average."""
        return export_state(self.gan.generator) if self.ema is None else self.ema.tensors

    def diverged_at(self) -> int | None:
        """Return the first generator step with a non-finite loss, or None; this waits for the device."""
        step = int(self.first_non_finite)
        return None if step == NEVER else step


def make_adam(
    network: nn.Module, rate: float, setting: Setting, is_captured: bool, device: torch.device
) -> Adam:
    """Make a network's optimiser; for CUDA graphs its learning rate is kept on the device, where a graph reads it."""
    optimizer = Adam(
        network.parameters(),
        torch.tensor(rate, device=device) if is_captured else rate,
        (setting.beta1, setting.beta2),
        fused=True,
        capturable=is_captured,
    )
    set_learning_rate(optimizer, rate)
    return optimizer


def set_learning_rate(optimizer: Adam, rate: float) -> None:
    """Set the learning rate; on a GPU it is rounded to float32.

    A learning rate on the device is float32. It is rounded in all other cases, too, so that steps with and without CUDA
    graphs give the same bytes.
    """
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            on_gpu = group["params"][0].device.type == "cuda"
            group["lr"] = float(np.float32(rate)) if on_gpu else rate
