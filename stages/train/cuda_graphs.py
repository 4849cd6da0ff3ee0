"""Run the updates as CUDA graphs, which launch all kernels of an update at once; this saves time in small networks."""

from collections.abc import Callable
from typing import Protocol

import torch

from stages.common.errors import InputError
from stages.networks.distributed import get_world_size
from stages.networks.gan import Loss
from stages.train.data import Batches, RawBatch
from stages.train.params import TrainParams
from stages.train.state import TrainState
from stages.train.steps import Steps

# In the first updates libraries choose and load their kernels, which cannot be captured.
WARM_UP_UPDATES = 3

Update = Callable[[], Loss]


class Recorder(Protocol):
    """An object that runs updates, or records one so that it can be replayed."""

    def warm_up(self, update: Update) -> Loss:
        """Run an update that is to be captured later."""

    def capture(self, update: Update) -> Update:
        """Record an update without computing it; return a function that replays it with results in the same tensors."""


class CudaRecorder:
    """A recorder that captures updates as CUDA graphs on one stream, on which they were warmed up.

    All updates use the same stream, because autograd accumulates a gradient on the stream on which its parameter was
    first used, and a capture must not depend on another stream.
    """

    def __init__(self, random: torch.Generator) -> None:
        """Make a recorder with its own stream.

        Args:
            random: the random generator of the updates' noise; each replay advances it.
        """
        self._random = random
        self._stream = torch.cuda.Stream()

    def warm_up(self, update: Update) -> Loss:
        """Run an update on the stream of the captures."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss = update()
        current.wait_stream(self._stream)
        return loss

    def capture(self, update: Update) -> Update:
        """Record an update as a CUDA graph."""
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._random)
        # In the mode `global`, a CUDA call of another thread, such as the one that reads images ahead, would end the
        # capture.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            loss = update()

        def replay() -> Loss:
            graph.replay()
            return loss

        return replay


class CapturedSteps(Steps):
    """Updates that run a few times as in Steps, are then captured, and are replayed from then on.

    The kernels and their order are those of Steps, and a capture computes nothing, so results are the same. Each replay
    writes its loss into the same tensors, so the loss must be read before the next update of the same kind.
    """

    def __init__(
        self, state: TrainState, batches: Batches, params: TrainParams, recorder: Recorder | None = None
    ) -> None:
        """Set up the captures.

        Args:
            state: see Steps.
            batches: see Steps.
            params: see Steps.
            recorder: the recorder that captures the updates; None makes a CudaRecorder.

        Raises:
            InputError: there is no CUDA device, several processes train together, or `train.reuse_fake` is true, for
                which the generator would need the images of another graph.
        """
        if recorder is None:
            check_capturable(state.device, params)
            recorder = CudaRecorder(state.random)
        super().__init__(state, batches, params)
        self._recorder = recorder
        self._raw: RawBatch | None = None
        self._counts = {"discriminator": 0, "generator": 0}
        self._replays: dict[str, Update] = {}

    def update_discriminator(self, raw: RawBatch, is_last: bool) -> Loss:
        """See Steps."""
        # A graph always reads the batch from the tensors of the capture.
        if self._raw is None:
            self._raw = tuple(torch.empty_like(part) for part in raw)
        for static, part in zip(self._raw, raw, strict=True):
            static.copy_(part)
        static_raw, update = self._raw, super().update_discriminator
        return self._run("discriminator", lambda: update(static_raw, is_last))

    def update_generator(self) -> Loss:
        """See Steps."""
        return self._run("generator", super().update_generator)

    def _run(self, name: str, update: Update) -> Loss:
        self._counts[name] += 1
        if self._counts[name] <= WARM_UP_UPDATES:
            return self._recorder.warm_up(update)
        if name not in self._replays:
            self._replays[name] = self._capture(name, update)
        return self._replays[name]()

    def _capture(self, name: str, update: Update) -> Update:
        try:
            return self._recorder.capture(update)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # A GAN whose update waits for the device, or computes on the CPU, cannot be captured.
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"train.cuda_graphs: updates of the {name} cannot be captured: {reason}; set it to false"
            ) from error


def check_capturable(device: torch.device, params: TrainParams) -> None:
    """Refuse a device and params under which updates cannot be captured; the error names all reasons.

    Raises:
        InputError: see CapturedSteps.
    """
    faults = {
        f"compute.device must be cuda, but is {device.type}": device.type != "cuda",
        "one process must train alone": get_world_size() > 1,
        "train.reuse_fake must be false": params.reuse_fake,
    }
    broken = [fault for fault, holds in faults.items() if holds]
    if broken:
        raise InputError(f"train.cuda_graphs = true: {'; '.join(broken)}; or set train.cuda_graphs to false")
