"""Save and restore a training's state bit for bit, and write snapshots of its networks."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Adam

from stages.common.artifacts import write_bytes
from stages.train.state import TrainState, set_learning_rate

COUNTERS = ("generator_step", "discriminator_steps", "first_non_finite")


def save_checkpoint(state: TrainState, path: Path) -> None:
    """Write a state to a safetensors file, atomically; the same state gives the same bytes."""
    tensors = _add_prefix("gan", state.gan.state_dict())
    for name, optimizer in state.optimizers().items():
        tensors |= _add_prefix(name, _flatten(optimizer))
        rate = float(optimizer.param_groups[0]["lr"])
        tensors[f"{name}.learning_rate"] = torch.tensor(rate, dtype=torch.float64)
    tensors |= {name: torch.as_tensor(getattr(state, name), dtype=torch.int64) for name in COUNTERS}
    tensors["random"] = state.random.get_state()
    if state.ema is not None:
        tensors |= _add_prefix("average", state.ema.tensors)
    write_tensors(path, tensors)


def load_checkpoint(state: TrainState, path: Path) -> None:
    """Restore, exactly and in place, a state that `save_checkpoint` wrote."""
    tensors = load_file(path)
    state.gan.load_state_dict(_select_prefix("gan", tensors))
    for name, optimizer in state.optimizers().items():
        entries = _select_prefix(name, tensors)
        set_learning_rate(optimizer, float(entries.pop("learning_rate")))
        _unflatten(optimizer, entries)
    state.generator_step = int(tensors["generator_step"])
    state.discriminator_steps = int(tensors["discriminator_steps"])
    state.step_counter.fill_(state.generator_step)
    state.first_non_finite.copy_(tensors["first_non_finite"])
    state.random.set_state(tensors["random"])
    if state.ema is not None:
        state.ema.load(_select_prefix("average", tensors))


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors of any device and layout to a safetensors file, atomically."""
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    # On a full disk, safetensors' save_file raises an error of another class, without the file's name.
    write_bytes(path, save(plain))


def write_snapshot(path: Path, network: nn.Module) -> None:
    """Write a network's parameters and buffers to a safetensors file, atomically."""
    write_tensors(path, network.state_dict())


def _add_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def _select_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _flatten(optimizer: Adam) -> dict[str, Tensor]:
    entries = optimizer.state_dict()["state"]
    return {f"{index}.{key}": value for index, entry in entries.items() for key, value in entry.items()}


def _unflatten(optimizer: Adam, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, value in tensors.items():
        index, key = name.split(".")
        parameter = parameters[int(index)]
        # The fused kernel reads memory in order, so a moment must have the layout of its parameter.
        like = (
            torch.empty_like(parameter)
            if value.shape == parameter.shape and key != "step"
            else torch.empty_like(value)
        )
        optimizer.state[parameter][key] = like.copy_(value).to(parameter.device)
