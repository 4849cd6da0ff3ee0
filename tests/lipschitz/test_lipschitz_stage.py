"""The stage `lipschitz` on trials that the stage `train` trained, in a temporary folder."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from stages.common.artifacts import (
    Trial,
    class_names_file,
    images_file,
    labels_file,
    write_array,
    write_json,
)
from stages.lipschitz.__main__ import main
from stages.train.export import export_outputs
from stages.train.trial import train_trial
from tests.lipschitz.tiny_gans import OPTIONS
from tests.train.test_trial import change_params

SNGAN = Trial("sngan", "A", 0)


def train(trial: Trial, **changes: Any) -> None:
    change_params(lipschitz={"image_count": 8}, train=changes)
    export_outputs(train_trial(trial, torch.device("cpu")))


def run(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    identity = ["--gan", trial.gan, "--setting", trial.setting, "--seed", str(trial.seed)]
    monkeypatch.setattr(sys, "argv", ["lipschitz", *identity])
    main()
    lines = (Path("results/lipschitz") / trial.name / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def read_summary(trial: Trial) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (Path("results/lipschitz") / trial.name / "metrics.json").read_text()
    )
    return content


def read_bytes() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path("results/lipschitz/sngan-A-0").iterdir()}


@pytest.mark.usefixtures("workspace")
def test_every_snapshot_has_a_row_and_the_last_a_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    train(SNGAN)
    rows = run(SNGAN, monkeypatch)
    assert [row["generator_step"] for row in rows] == [4, 8, 12]
    assert rows[1]["epoch"] == pytest.approx(8 / 5)
    summary = read_summary(SNGAN)
    assert summary["generator_step"] == 12
    assert summary["operator_norm_product"] == rows[-1]["operator_norm_product"]
    assert summary["largest_gradient_norm_fake"] == rows[-1]["gradient_norm"]["fake"]["largest"]


@pytest.mark.usefixtures("workspace")
def test_two_runs_write_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    train(SNGAN)
    run(SNGAN, monkeypatch)
    first = read_bytes()
    run(SNGAN, monkeypatch)
    assert read_bytes() == first


@pytest.mark.usefixtures("workspace")
def test_spectral_norms_stay_near_1_in_training_with_one_power_iteration_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train(SNGAN, generator_steps=120)
    last = run(SNGAN, monkeypatch)[-1]
    assert all(layer["has_spectral_norm"] for layer in last["layers"])
    assert all(0.98 <= layer["sigma"] <= 1.05 for layer in last["layers"])
    assert last["operator_norm_product"] > 2.0 * last["sigma_product"]


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_training_with_a_gradient_penalty_brings_interpolated_gradient_norms_near_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The images are digits, because a critic that is trained on noise does not converge.
    digits = load_digits().images[:, None]
    np.save(images_file("train"), (digits * 15.9375).astype(np.uint8))
    trial, means = Trial("wgan_gp", "A", 0), []
    for weight in (10.0, 0.0):
        change_params(options={"wgan_gp": OPTIONS["wgan_gp"] | {"gradient_penalty_weight": weight}})
        train(trial, generator_steps=250, batch_size=16)
        means.append(run(trial, monkeypatch)[-1]["gradient_norm"]["interpolated"]["mean"])
    assert means[0] == pytest.approx(1.0, abs=0.15)
    assert means[1] > 1.4


@pytest.mark.usefixtures("workspace")
def test_a_trial_without_snapshots_has_only_the_step_at_which_it_diverged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train(SNGAN)
    path = Path("models/sngan-A-0/manifest.json")
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"snapshots": [], "diverged_at_generator_step": 3})
    )
    assert run(SNGAN, monkeypatch) == []
    assert read_summary(SNGAN) == {"diverged_at_generator_step": 3}


@pytest.mark.usefixtures("workspace")
def test_a_missing_snapshot_is_named_with_the_stage_that_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    train(SNGAN)
    Path("models/sngan-A-0/discriminator_00000008.safetensors").unlink()
    with pytest.raises(
        ValueError,
        match="discriminator_00000008.safetensors is missing; make it with `dvc repro train@sngan-A-0`",
    ):
        run(SNGAN, monkeypatch)


@pytest.mark.usefixtures("workspace")
def test_a_snapshot_of_another_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    train(SNGAN)
    change_params(networks={"width": 5})
    with pytest.raises(ValueError, match="(?s)does not hold this network .* `dvc repro -f train@sngan-A-0`"):
        run(SNGAN, monkeypatch)


@pytest.mark.usefixtures("workspace")
def test_more_images_than_there_are_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    train(SNGAN)
    change_params(lipschitz={"image_count": 23})
    with pytest.raises(
        ValueError, match="lipschitz.image_count = 23, but the train split has only 22 images"
    ):
        run(SNGAN, monkeypatch)


@pytest.mark.usefixtures("workspace")
def test_a_conditional_discriminator_is_analysed_with_each_images_label_and_has_no_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_json(class_names_file(), ["a", "b"])
    trial, rows = Trial("projection", "A", 0), []
    write_array(labels_file("train"), np.arange(22, dtype=np.int64) % 2)
    train(trial)
    for shift in (0, 0, 1):
        # Equal labels give equal gradients, and other labels give other gradients.
        write_array(labels_file("train"), (np.arange(22, dtype=np.int64) + shift) % 2)
        rows.append(run(trial, monkeypatch)[-1])
    assert rows[0] == rows[1]
    norms = [row["gradient_norm"]["real"]["mean"] for row in rows]
    assert norms[2] != norms[0] and min(norms) > 0.0
    # The score is the sum of two paths, the class embedding's and the last layer's, so the layers are no chain.
    assert not rows[0]["has_bound"]
    assert rows[0]["local_bound"] == {"real": None, "fake": None, "interpolated": None}
    assert [layer["name"] for layer in rows[0]["layers"]][-1] == "body.score"
    assert all(layer["has_spectral_norm"] for layer in rows[0]["layers"])
