"""Captured updates: their logic on any machine, with a substitute for the capture, and real captures on a GPU."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError
from safetensors.torch import load_file

from stages.common.artifacts import Trial, class_names_file, labels_file, write_array, write_json
from stages.common.compute import ComputeParams, configure_compute
from stages.common.errors import InputError
from stages.networks.gan import Loss
from stages.train import loop
from stages.train.cuda_graphs import WARM_UP_UPDATES, CapturedSteps, Update
from stages.train.data import Batches
from stages.train.params import TrainParams
from stages.train.state import TrainState
from stages.train.trial import train_trial
from tests.train.interrupting import remove_scratch
from tests.train.test_options import CPU, GANS, change_train, kill_and_resume, train
from tests.train.test_trial import change_params

CONDITIONAL = "projection"
ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def labelled(workspace: Path) -> Path:
    write_array(labels_file("train"), np.arange(22, dtype=np.int64) % 3)
    write_json(class_names_file(), ["a", "b", "c"])
    return workspace


def load_trained(gan: str, device: torch.device = CPU) -> dict[str, torch.Tensor]:
    train(gan, device)
    return load_file(f"models/{gan}-A-0/state.safetensors")


class StandIn:
    """Substitute for a CUDA graph: it records an update without running it, and a replay does not read new host values.

    While it replays, the state's counters are no numbers.
    """

    def __init__(self, state: TrainState) -> None:
        self.state = state
        self.calls: list[str] = []

    def warm_up(self, update: Update) -> Loss:
        self.calls.append("warm up")
        return update()

    def capture(self, update: Update) -> Update:
        self.calls.append("capture")
        results: list[Loss] = []

        def replay() -> Loss:
            counters = self.state.generator_step, self.state.discriminator_steps
            vars(self.state).update(generator_step=None, discriminator_steps=None)
            try:
                loss = update()
            finally:
                self.state.generator_step, self.state.discriminator_steps = counters
            if not results:
                results.append(loss)
            # A replay of a graph writes into the tensors of its capture.
            results[0].total.copy_(loss.total)
            for name, value in loss.diagnostics.items():
                results[0].diagnostics[name].copy_(value)
            assert not results[0].total.requires_grad
            return results[0]

        return replay


class VanishingBatches(Batches):
    """Batches whose memory is overwritten when the next batch is fetched, as freed memory would be."""

    _last = torch.empty(0, dtype=torch.int64)

    def fetch(self, number: int) -> tuple[torch.Tensor, ...]:
        self._last.zero_()
        self._last = super().fetch(number)[0].clone()
        return (self._last,)


@pytest.fixture
def recorders(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StandIn]]:
    """Make all trainings capture their updates with the substitute."""
    made: list[StandIn] = []

    def make_steps(state: TrainState, batches: Batches, params: TrainParams) -> CapturedSteps:
        made.append(StandIn(state))
        return CapturedSteps(state, batches, params, made[-1])

    with monkeypatch.context() as patch:
        patch.setattr("stages.train.trial.make_steps", make_steps)
        patch.setattr("stages.train.data.Batches", VanishingBatches)
        yield made


def train_without_stand_in(monkeypatch: pytest.MonkeyPatch, gan: str) -> dict[str, torch.Tensor]:
    remove_scratch()
    with monkeypatch.context() as patch:
        patch.setattr("stages.train.trial.make_steps", loop.make_steps)
        patch.setattr("stages.train.data.Batches", Batches)
        return load_trained(gan)


@pytest.mark.parametrize("gan", [*GANS, "weight_clipping", CONDITIONAL])
def test_replayed_updates_train_as_single_ones_do(
    monkeypatch: pytest.MonkeyPatch, recorders: list[StandIn], gan: str
) -> None:
    change_train(ema_decay=0.9)
    captured = load_trained(gan)
    expected = train_without_stand_in(monkeypatch, gan)
    assert captured.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(captured[name].numpy(), value.numpy(), err_msg=name)
    (recorder,) = recorders
    # Two discriminator updates a generator update, of which the first few of each kind are warm-ups.
    assert recorder.calls.count("warm up") == 2 * WARM_UP_UPDATES
    assert recorder.calls.count("capture") == 2


def test_replayed_updates_resume_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, recorders: list[StandIn]
) -> None:
    change_train(ema_decay=0.9)
    undisturbed = train("batch_norm")
    assert kill_and_resume("batch_norm", monkeypatch) == undisturbed
    assert len(recorders) == 3


def test_a_replayed_loss_that_is_not_finite_is_recorded_with_its_step(
    monkeypatch: pytest.MonkeyPatch, recorders: list[StandIn]
) -> None:
    change_train()
    check_finite, calls = TrainState.check_finite, []

    def overflow(self: TrainState, loss: torch.Tensor) -> None:
        calls.append(loss)
        # Two losses of the discriminator and one of the generator a step: this is the eighth step's first.
        check_finite(self, loss * float("inf") if len(calls) == 22 else loss)

    monkeypatch.setattr(TrainState, "check_finite", overflow)
    assert train_trial(Trial("sngan", "A", 0), CPU).state.diverged_at() == 8
    assert recorders


class Uncapturable(StandIn):
    """A recorder whose captures fail as torch's do when an update waits for the device."""

    def capture(self, update: Update) -> Update:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore lines")


def test_an_update_that_cannot_be_captured_is_an_error_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    change_train()
    monkeypatch.setattr(
        "stages.train.trial.make_steps",
        lambda state, batches, params: CapturedSteps(state, batches, params, Uncapturable(state)),
    )
    with pytest.raises(InputError) as caught:
        train_trial(Trial("sngan", "A", 0), CPU)
    assert str(caught.value) == (
        "train.cuda_graphs: updates of the discriminator cannot be captured: CUDA error: operation not permitted when "
        "stream is capturing; set it to false"
    )


@pytest.mark.parametrize(
    "changes, device, processes, is_captured",
    [
        ({}, "cuda", 1, True),
        ({}, "cpu", 1, False),
        ({}, "mps", 1, False),
        ({}, "cuda", 2, False),
        ({"reuse_fake": True}, "cuda", 1, False),
        ({"compile": True}, "cuda", 1, False),
        ({"cuda_graphs": False}, "cuda", 1, False),
        ({"cuda_graphs": True}, "cpu", 2, True),
    ],
)
def test_auto_captures_updates_wherever_that_is_possible(
    changes: dict[str, bool], device: str, processes: int, is_captured: bool
) -> None:
    section = yaml.safe_load(Path("params.yaml").read_text())["train"]
    params = TrainParams(**section | {"cuda_graphs": "auto"} | changes)
    assert params.captures_updates(device, processes) == is_captured


@pytest.mark.parametrize("value", ["maybe", "true", "AUTO", 1, None, [True]])
def test_another_value_of_cuda_graphs_is_one_fault(value: object) -> None:
    section = yaml.safe_load(Path("params.yaml").read_text())["train"]
    with pytest.raises(ValidationError, match="not allowed; choose auto, true or false") as caught:
        TrainParams(**section | {"cuda_graphs": value})
    assert caught.value.error_count() == 1


def test_cuda_graphs_name_all_that_they_need() -> None:
    change_train(cuda_graphs=True, reuse_fake=True)
    with pytest.raises(
        ValueError,
        match=r"train\.cuda_graphs = true: compute\.device must be cuda.*; train\.reuse_fake must be false",
    ):
        train_trial(Trial("sngan", "A", 0), CPU)


@pytest.fixture
def gpu() -> Iterator[torch.device]:
    """Set up the GPU as the stages do, with deterministic kernels, and restore the process's settings at the end."""
    device = configure_compute(ComputeParams(device="cuda", threads=1, images="auto"))
    yield device
    torch.use_deterministic_algorithms(False)


@ON_GPU
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("gan", [*GANS, CONDITIONAL])
def test_cuda_graphs_give_the_bytes_of_single_launches_and_resume(
    monkeypatch: pytest.MonkeyPatch, gpu: torch.device, gan: str, precision: str
) -> None:
    change_train(precision=precision, ema_decay=0.9)
    expected = load_trained(gan, gpu)
    change_train(cuda_graphs=True)
    captured = load_trained(gan, gpu)
    for name, value in expected.items():
        np.testing.assert_array_equal(captured[name].numpy(), value.numpy(), err_msg=name)
    undisturbed = train(gan, gpu)
    assert kill_and_resume(gan, monkeypatch, gpu) == undisturbed


@ON_GPU
@pytest.mark.parametrize("images", ["device", "mapped"])
def test_images_read_ahead_do_not_disturb_a_capture(gpu: torch.device, images: str) -> None:
    change_train(cuda_graphs=True)
    change_params(compute={"images": images})
    from_here = load_trained("sngan", gpu)
    change_train(cuda_graphs=False)
    for name, value in load_trained("sngan", gpu).items():
        np.testing.assert_array_equal(from_here[name].numpy(), value.numpy(), err_msg=name)
