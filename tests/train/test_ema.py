from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load
from torch import nn

from stages.common.artifacts import Trial
from stages.train.ema import GeneratorEma
from stages.train.trial import train_trial
from tests.train.interrupting import Killed, kill_at

TRIAL = Trial("sngan", "A", 0)
CPU = torch.device("cpu")


def train(ema_decay: float | None) -> dict[str, bytes]:
    """Train the trial from the start, or resume it from its scratch folder; return the files by name."""
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["train"]["ema_decay"] = ema_decay
    Path("params.yaml").write_text(yaml.safe_dump(content))
    scratch = train_trial(TRIAL, CPU).scratch
    return {path.name: path.read_bytes() for path in scratch.glob("*.safetensors")}


def test_the_average_moves_by_hand() -> None:
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, 0.0)
    average = GeneratorEma(layer, decay=0.5)
    nn.init.constant_(layer.weight, 1.0)
    average.update(layer, torch.tensor(1))  # decay 2 / 11
    assert float(average.tensors["weight"]) == pytest.approx(9 / 11)
    average.update(layer, torch.tensor(100))  # decay 0.5, as (1 + 100) / (10 + 100) is more
    assert float(average.tensors["weight"]) == pytest.approx(10 / 11)


def test_batch_norms_statistics_are_averaged_and_its_count_is_copied() -> None:
    norm = nn.BatchNorm1d(1)
    average = GeneratorEma(norm, decay=0.5)
    norm.running_mean.fill_(4.0)  # type: ignore[union-attr]
    norm.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    average.update(norm, torch.tensor(1000))
    assert float(average.tensors["running_mean"]) == 2.0
    assert int(average.tensors["num_batches_tracked"]) == 7


def test_averaging_changes_the_snapshots_and_nothing_of_the_training(workspace: Path) -> None:
    plain, averaged = train(None), train(0.9)
    assert plain["generator_00000012.safetensors"] != averaged["generator_00000012.safetensors"]
    state, snapshot = (
        load(averaged["state_00000012.safetensors"]),
        load(averaged["generator_00000012.safetensors"]),
    )
    assert all(torch.equal(value, state[f"average.{name}"]) for name, value in snapshot.items())
    unaveraged = load(plain["state_00000012.safetensors"])
    assert not [name for name in unaveraged if name.startswith("average.")]
    assert all(torch.equal(value, state[name]) for name, value in unaveraged.items())


def test_a_killed_training_resumes_its_average_to_the_bit(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = train(0.9)
    for path in Path(".scratch").rglob("*.*"):
        path.unlink()

    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, 7)
        train(0.9)
    assert train(0.9) == undisturbed
