"""All that changes while a GAN trains, and how it is saved and restored to the last bit."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Adam

from stages.common.artifacts import write_bytes
from stages.common.compute import derive_seed
from stages.networks.distributed import convert_sync_batch_norms
from stages.networks.gan import Gan
from stages.networks.weights import export_state
from stages.train.data import MEMORY_FORMATS
from stages.train.ema import GeneratorEma
from stages.train.params import Setting, TrainParams

NEVER = 2**62
COUNTERS = ("generator_step", "discriminator_steps", "first_non_finite")


class TrainState:
    """The networks, their optimisers, the source of noise and the counters of one trial.

    Attributes:
        gan: the networks, in the layout of `train.memory_format`.
        device: where they are.
        random: draws z and all other noise of the training.
        generator_step: generator steps done.
        discriminator_steps: discriminator steps done.
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
        is_captured = params.cuda_graphs
        self.generator_optimizer = make_adam(
            gan.generator, setting.generator_learning_rate, setting, is_captured, device
        )
        self.discriminator_optimizer = make_adam(
            gan.discriminator, setting.discriminator_learning_rate, setting, is_captured, device
        )
        self.random = torch.Generator(device).manual_seed(derive_seed(seed, "noise"))
        self.generator_step = 0
        self.discriminator_steps = 0
        self.first_non_finite = torch.tensor(NEVER, device=device)
        decay = params.ema_decay
        self.ema = None if decay is None else GeneratorEma(self.gan.generator, decay)

    def position(self, batches_per_epoch: int) -> dict[str, int | float]:
        """Say where the training stands: generator step, epoch of the discriminator's data, discriminator steps."""
        return {
            "generator_step": self.generator_step,
            "epoch": round(self.discriminator_steps / batches_per_epoch, 6),
            "discriminator_steps": self.discriminator_steps,
        }

    def scale_learning_rates(self, factor: float) -> None:
        """Set both learning rates to `factor` times the setting's."""
        self._set_rate(self.generator_optimizer, self.setting.generator_learning_rate * factor)
        self._set_rate(self.discriminator_optimizer, self.setting.discriminator_learning_rate * factor)

    @staticmethod
    def _set_rate(optimizer: Adam, rate: float) -> None:
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def check_finite(self, loss: Tensor) -> None:
        """Note the current generator step if `loss`, a scalar, is not finite; without waiting for the device."""
        step = torch.where(torch.isfinite(loss.detach()), NEVER, self.generator_step + 1)
        self.first_non_finite = torch.minimum(self.first_non_finite, step)

    def check_generator_finite(self) -> None:
        """Note the current generator step as non-finite if any weight of the generator is."""
        norm = torch.nn.utils.get_total_norm(list(self.gan.generator.parameters()))
        step = torch.where(torch.isfinite(norm), NEVER, self.generator_step)
        self.first_non_finite = torch.minimum(self.first_non_finite, step)

    def update_ema(self) -> None:
        """Have the average, if there is one, follow the generator's step just done."""
        if self.ema is not None:
            self.ema.update(self.gan.generator, self.generator_step)

    def snapshot(self) -> dict[str, Tensor]:
        """Return the state that a snapshot holds: the generator's own, or its average."""
        return export_state(self.gan.generator) if self.ema is None else self.ema.tensors

    def diverged_at(self) -> int | None:
        """Return the first generator step with a non-finite loss, or None; waits for the device."""
        step = int(self.first_non_finite)
        return None if step == NEVER else step

    def save(self, path: Path) -> None:
        """Write everything to a safetensors file, atomically; the same state gives the same bytes."""
        tensors = {f"gan.{name}": value for name, value in self.gan.state_dict().items()}
        for name, optimizer in self._optimizers().items():
            tensors |= {f"{name}.{key}": value for key, value in _flatten(optimizer).items()}
            rate = float(optimizer.param_groups[0]["lr"])
            tensors[f"{name}.learning_rate"] = torch.tensor(rate, dtype=torch.float64)
        tensors |= {name: torch.as_tensor(getattr(self, name), dtype=torch.int64) for name in COUNTERS}
        tensors["random"] = self.random.get_state()
        if self.ema is not None:
            tensors |= {f"average.{name}": value for name, value in self.ema.tensors.items()}
        write_tensors(path, tensors)

    def load(self, path: Path) -> None:
        """Restore what `save` wrote, exactly."""
        tensors = load_file(path)
        self.gan.load_state_dict(
            {key.removeprefix("gan."): value for key, value in tensors.items() if key.startswith("gan.")}
        )
        for name, optimizer in self._optimizers().items():
            state = {
                key.removeprefix(f"{name}."): value
                for key, value in tensors.items()
                if key.startswith(f"{name}.")
            }
            self._set_rate(optimizer, float(state.pop("learning_rate")))
            _unflatten(optimizer, state)
        self.generator_step = int(tensors["generator_step"])
        self.discriminator_steps = int(tensors["discriminator_steps"])
        self.first_non_finite = tensors["first_non_finite"].to(self.first_non_finite.device)
        self.random.set_state(tensors["random"])
        if self.ema is not None:
            prefix = "average."
            self.ema.load(
                {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            )

    def _optimizers(self) -> dict[str, Adam]:
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }


def make_adam(
    network: nn.Module, rate: float, setting: Setting, is_captured: bool, device: torch.device
) -> Adam:
    """Make a network's optimiser; one for CUDA graphs keeps its rate on the device, where a graph can read it."""
    return Adam(
        network.parameters(),
        torch.tensor(rate, device=device) if is_captured else rate,
        (setting.beta1, setting.beta2),
        fused=True,
        capturable=is_captured,
    )


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors to a safetensors file, atomically, from whatever device and layout."""
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    # Not save_file, which turns a full disk into an error of another kind, without the file's name.
    write_bytes(path, save(plain))


def write_snapshot(path: Path, network: nn.Module) -> None:
    """Write a network's parameters and buffers to a safetensors file, atomically."""
    write_tensors(path, network.state_dict())


def _flatten(optimizer: Adam) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{index}.{key}": value for index, entry in state.items() for key, value in entry.items()}


def _unflatten(optimizer: Adam, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, value in tensors.items():
        index, key = name.split(".")
        parameter = parameters[int(index)]
        # The fused kernel walks memory, so a moment must lie in memory just as its parameter does.
        like = (
            torch.empty_like(parameter)
            if value.shape == parameter.shape and key != "step"
            else torch.empty_like(value)
        )
        optimizer.state[parameter][key] = like.copy_(value).to(parameter.device)
