"""A conditional trial is really trained: labels stay with their images, and it resumes and repeats as others do."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from stages.common.artifacts import (
    Trial,
    class_names_file,
    images_file,
    labels_file,
    read_images,
    write_array,
    write_json,
)
from stages.common.pixels import tensor_to_pixels
from stages.train.data import open_batches
from stages.train.trial import train_trial
from tests.train.interrupting import remove_scratch
from tests.train.test_distributed import SCRIPT, read_state, start_two
from tests.train.test_options import (
    CPU,
    EXACT,
    change_train,
    kill_and_resume,
    load_trained,
    train,
)

TRIAL = Trial("projection", "A", 0)
NAMES = ["a", "b", "c"]


@pytest.fixture
def labelled(workspace: Path) -> Path:
    write_array(labels_file("train"), np.arange(22, dtype=np.int64) % 3)
    write_json(class_names_file(), NAMES)
    return workspace


@pytest.mark.parametrize("place", ["device", "mapped"])
def test_every_image_keeps_its_label_wherever_the_images_lie(
    tmp_path: Path, place: Literal["device", "mapped"]
) -> None:
    path = tmp_path / "images.npy"
    # The level of each image is its index, and its label is twice the index.
    np.save(path, np.arange(22, dtype=np.uint8).reshape(22, 1, 1, 1).repeat(2, 3))
    batches = open_batches(
        read_images(path, "prepare"), 5, 1, "channels_last", place, CPU, np.arange(22, dtype=np.int64) * 2
    )
    # The batches are read across the ends of epochs, out of order, and then in order from there.
    for number in (0, 1, 2, 3, 4, 5, 11, 12):
        images, labels = batches.load(number)
        assert labels is not None
        assert torch.equal(labels, 2 * tensor_to_pixels(images)[:, 0, 0, 0].long())
        assert torch.equal(images, batches.load(number).images)


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize("option", [*EXACT, {"ema_decay": 0.9}], ids=lambda option: next(iter(option)))
def test_a_killed_conditional_training_resumes_and_ends_bit_identical(
    monkeypatch: pytest.MonkeyPatch, option: dict[str, Any]
) -> None:
    change_train(**option)
    undisturbed = train(TRIAL.gan)
    assert kill_and_resume(TRIAL.gan, monkeypatch) == undisturbed


@pytest.mark.usefixtures("labelled")
def test_labels_are_part_of_what_a_conditional_training_depends_on_and_of_no_other() -> None:
    before, sngan = train(TRIAL.gan), train("sngan")
    write_array(labels_file("train"), (np.arange(22, dtype=np.int64) + 1) % 3)
    remove_scratch()
    assert train(TRIAL.gan) != before
    labels_file("train").unlink()
    remove_scratch()
    assert train("sngan") == sngan


@pytest.mark.usefixtures("labelled")
def test_only_a_conditional_gans_manifest_names_the_classes() -> None:
    train("sngan"), train(TRIAL.gan)
    manifests = [
        json.loads(Path(f"models/{gan}-A-0/manifest.json").read_text()) for gan in ("sngan", TRIAL.gan)
    ]
    assert [manifest.get("class_names") for manifest in manifests] == [None, NAMES]


@pytest.mark.usefixtures("labelled")
def test_two_processes_train_a_conditional_gan_as_one_does() -> None:
    Path("two.py").write_text(SCRIPT)
    done = start_two("two.py", TRIAL.gan)
    assert done.returncode == 0, done.stderr[-2000:]
    shared = read_state(TRIAL)
    remove_scratch()
    train(TRIAL.gan)
    for name, expected in read_state(TRIAL).items():
        largest = float(expected.double().abs().max())
        torch.testing.assert_close(shared[name], expected, rtol=0, atol=1e-4 * largest + 1e-7, msg=name)


@pytest.mark.slow
@pytest.mark.usefixtures("labelled")
def test_a_compiled_conditional_training_resumes_and_agrees_with_an_uncompiled_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_train()
    plain = load_trained(TRIAL.gan)
    change_train(compile=True)
    remove_scratch()
    kill_and_resume(TRIAL.gan, monkeypatch)
    compiled = load_file("models/projection-A-0/state.safetensors")
    for name in (
        "gan.generator.first.weight",
        "gan.generator.layers.1.gain",
        "gan.discriminator.body.score.bias",
    ):
        assert torch.allclose(compiled[name], plain[name], atol=1e-3)


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize(
    "labels",
    [np.zeros(21, np.int64), np.full(22, 3, np.int64), np.zeros(22, np.int32)],
    ids=["too few", "beyond the classes", "of another type"],
)
def test_labels_that_do_not_fit_are_refused_before_the_training(labels: np.ndarray[Any, Any]) -> None:
    write_array(labels_file("train"), labels)
    with pytest.raises(ValueError, match=r"train_labels\.npy does not label the 22 images with 3 classes"):
        train_trial(TRIAL, CPU)


@pytest.mark.usefixtures("labelled")
def test_missing_labels_name_the_stage_that_makes_them() -> None:
    labels_file("train").unlink()
    assert images_file("train").exists()
    with pytest.raises(ValueError, match=r"train_labels\.npy is missing; make it with `dvc repro prepare`"):
        train_trial(TRIAL, CPU)
