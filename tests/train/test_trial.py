"""A trial is really trained in a temporary folder: it resumes, repeats exactly, and records a divergence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load

from stages.common.artifacts import Trial
from stages.common.params import read_params
from stages.gans import began, sngan
from stages.networks.gan import Batch, Loss
from stages.train.export import export_outputs
from stages.train.trial import train_trial
from tests.train.interrupting import Killed, kill_at, remove_scratch

SNGAN = Trial("sngan", "A", 0)
CPU = torch.device("cpu")


def change_params(**sections: dict[str, Any]) -> None:
    path = Path("params.yaml")
    content = yaml.safe_load(path.read_text())
    for section, changes in sections.items():
        content[section] |= changes
    path.write_text(yaml.safe_dump(content))


def train(trial: Trial = SNGAN) -> dict[str, bytes]:
    export_outputs(train_trial(trial, CPU))
    return {path.name: path.read_bytes() for path in sorted((Path("models") / trial.name).iterdir())}


def read_log(trial: Trial = SNGAN) -> list[dict[str, Any]]:
    lines = (Path("results/train") / trial.name / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def read_results() -> dict[str, bytes]:
    """Read every tracked file of every training."""
    folders = (Path("models"), Path("results/train"))
    return {
        str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()
    }


def test_a_trial_leaves_snapshots_state_manifest_and_log(workspace: Path) -> None:
    files = train()
    assert list(files) == [
        "discriminator_00000004.safetensors",
        "discriminator_00000008.safetensors",
        "discriminator_00000012.safetensors",
        "generator_00000004.safetensors",
        "generator_00000008.safetensors",
        "generator_00000012.safetensors",
        "manifest.json",
        "state.safetensors",
    ]
    manifest = json.loads(files["manifest.json"])
    assert [snapshot["generator_step"] for snapshot in manifest["snapshots"]] == [4, 8, 12]
    assert manifest["snapshots"][1]["epoch"] == pytest.approx(8 / 5)  # 22 images make 5 batches of 4
    assert [row["generator_step"] for row in read_log()] == [1, 2, 4, 6, 8, 10, 12]
    assert read_log()[-1]["epoch"] == pytest.approx(12 / 5)


def test_the_same_trial_twice_gives_the_same_bytes(workspace: Path) -> None:
    train()
    first = read_results()
    remove_scratch()
    train()
    assert read_results() == first


@pytest.mark.parametrize("gan", ["began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan"])
@pytest.mark.parametrize("killed_at", [3, 5, 6, 11])
def test_a_killed_training_resumes_and_ends_bit_identical(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, gan: str, killed_at: int
) -> None:
    trial = Trial(gan, "A", 0)
    change_params(
        settings={
            "A": {
                **yaml.safe_load(Path("params.yaml").read_text())["settings"]["A"],
                "discriminator_steps": 2,
            }
        }
    )
    train(trial)
    undisturbed = read_results()
    remove_scratch()

    with monkeypatch.context() as patch, pytest.raises(Killed):
        # The kill is between the two discriminator steps of the next generator step.
        kill_at(patch, 2 * killed_at + 1)
        train(trial)
    train(trial)
    assert read_results() == undisturbed


def test_a_log_line_torn_by_a_kill_is_repaired(workspace: Path) -> None:
    train()
    undisturbed = read_results()
    (log,) = Path(".scratch").rglob("metrics.jsonl")
    log.write_text(log.read_text() + '{"generator_step": 13, "epo')
    train()
    assert read_results() == undisturbed


def test_a_state_made_under_other_params_is_discarded_aloud(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train()
    change_params(train={"batch_size": 5})
    capsys.readouterr()
    train()
    output = capsys.readouterr().out
    assert "sngan-A-0: discarding a state made under other params, code or data" in output
    assert "resuming" not in output


def test_a_finished_training_is_not_repeated_when_only_its_outputs_are_lost(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = train()
    assert train() == files
    assert "sngan-A-0: resuming after generator step 12" in capsys.readouterr().out


@pytest.mark.parametrize(("overflows_at", "reached"), [(1, []), (7, [4]), (9, [4, 8])])
def test_a_loss_that_is_not_finite_ends_the_trial_and_is_a_result(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, overflows_at: int, reached: list[int]
) -> None:
    overflow_at_call(monkeypatch, overflows_at)
    files = train()
    manifest = json.loads(files["manifest.json"])
    assert manifest["diverged_at_generator_step"] == overflows_at
    assert [snapshot["generator_step"] for snapshot in manifest["snapshots"]] == reached
    assert [name for name in files if name.startswith("generator")] == [
        f"generator_{step:08d}.safetensors" for step in reached
    ]
    assert all(row["generator_step"] < overflows_at for row in read_log())
    metrics = json.loads(Path("results/train/sngan-A-0/metrics.json").read_text())
    assert metrics["diverged_at_generator_step"] == overflows_at


def test_a_snapshot_with_weights_that_are_not_finite_is_not_kept(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The loss of step 8 is finite, its gradient is not: the weights are lost before any loss shows it.
    overflow_at_call(monkeypatch, 8, only_gradient=True)
    manifest = json.loads(train()["manifest.json"])
    assert manifest["diverged_at_generator_step"] == 8
    assert [snapshot["generator_step"] for snapshot in manifest["snapshots"]] == [4]


def overflow_at_call(monkeypatch: pytest.MonkeyPatch, call: int, only_gradient: bool = False) -> None:
    """Make SNGAN's generator loss, or only its gradient, overflow at one generator step."""
    calls, original = 0, sngan.GAN.generator_loss

    def generator_loss(self: sngan.GAN, fake: Batch) -> Loss:
        nonlocal calls
        calls += 1
        if calls == call and only_gradient:
            fake.images.register_hook(lambda gradient: gradient * float("inf"))
        loss = original(self, fake)
        return loss._replace(total=loss.total * float("inf")) if calls == call and not only_gradient else loss

    monkeypatch.setattr(sngan.GAN, "generator_loss", generator_loss)


def test_discriminator_steps_of_the_setting_are_done_for_each_generator_step(workspace: Path) -> None:
    change_params(
        settings={
            "B": {
                "generator_learning_rate": 1e-3,
                "discriminator_learning_rate": 1e-3,
                "beta1": 0.5,
                "beta2": 0.9,
                "discriminator_steps": 3,
            }
        }
    )
    trial = Trial("sngan", "B", 0)
    train(trial)
    assert [(row["generator_step"], row["discriminator_steps"]) for row in read_log(trial)][-2:] == [
        (10, 30),
        (12, 36),
    ]


@pytest.mark.parametrize(("gan", "own"), [("wgan_gp", 5), ("sngan", 2), ("began", 3)])
def test_a_gans_own_discriminator_steps_go_before_the_settings(workspace: Path, gan: str, own: int) -> None:
    change_params(options={gan: read_params()["options"][gan] | {"discriminator_steps": own}})
    trial = Trial(gan, "A", 0)
    manifest = json.loads(train(trial)["manifest.json"])
    assert [snapshot["discriminator_steps"] for snapshot in manifest["snapshots"]] == [
        4 * own,
        8 * own,
        12 * own,
    ]
    assert read_log(trial)[-1]["discriminator_steps"] == 12 * own
    other = json.loads(train(Trial("batch_norm", "A", 0))["manifest.json"])
    assert other["snapshots"][-1]["discriminator_steps"] == 12


@pytest.mark.parametrize("killed_at", [5, 7, 11])
def test_a_stalled_began_trains_on_at_a_rate_that_a_resumed_training_keeps(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    # BEGAN's convergence measure is replaced by one that never falls after the first two steps.
    stalled = {"patience_generator_steps": 2, "minimum_learning_rate": 0.0003}
    change_params(options={"began": read_params()["options"]["began"] | stalled})
    monkeypatch.setattr(began.GAN, "after_discriminator_step", lambda self, loss: None)
    trial = Trial("began", "A", 0)
    undisturbed = train(trial)
    state = load(undisturbed["state.safetensors"])
    assert float(state["gan.learning_rate_factor"]) == 0.5**5
    assert float(state["generator_optimizer.learning_rate"]) == 0.0003
    assert float(state["discriminator_optimizer.learning_rate"]) == 0.0003
    remove_scratch()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, killed_at)
        train(trial)
    assert train(trial) == undisturbed


def test_a_settings_learning_rate_reaches_every_gan(workspace: Path) -> None:
    # The published report's code had a constant learning rate for BEGAN, so that the settings had no effect.
    trained = train_trial(Trial("began", "C", 0), CPU)
    rates = {
        optimizer.param_groups[0]["lr"]
        for optimizer in (trained.state.generator_optimizer, trained.state.discriminator_optimizer)
    }
    assert rates == {0.002}


def test_another_seed_gives_another_result(workspace: Path) -> None:
    assert (
        train()["generator_00000012.safetensors"]
        != train(Trial("sngan", "A", 1))["generator_00000012.safetensors"]
    )


def test_missing_data_names_the_stage_that_makes_it(workspace: Path) -> None:
    Path("data/prepared/train_images.npy").unlink()
    with pytest.raises(ValueError, match=r"train_images\.npy is missing; make it with `dvc repro prepare`"):
        train()


def test_a_damaged_array_is_named(workspace: Path) -> None:
    path = Path("data/prepared/train_images.npy")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"train_images\.npy is damaged .* `dvc repro -f prepare`"):
        train()


def test_a_batch_larger_than_the_split_is_refused(workspace: Path) -> None:
    np.save("data/prepared/train_images.npy", np.zeros((3, 1, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"train\.batch_size = 4, but the train split has only 3 images"):
        train()
