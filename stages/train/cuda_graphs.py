"""The steps as CUDA graphs: small networks wait for a GPU's launches, which a graph makes in one go."""

from collections.abc import Callable

import torch

from stages.networks.distributed import get_world_size
from stages.networks.gan import Batch, Loss
from stages.train.params import TrainParams
from stages.train.state import TrainState
from stages.train.steps import Steps

# Libraries choose and load their kernels in the first steps, which cannot be captured.
STEPS_BEFORE_CAPTURE = 3


class CapturedSteps(Steps):
    """Does each kind of step a few times as Steps does, captures it, and from then on replays it.

    The kernels and their order are those of Steps, and capturing computes nothing, so results are the same.
    A replay writes into the same tensors each time: a returned loss is to be read before the next step.
    """

    def __init__(self, training: TrainState, params: TrainParams) -> None:
        """Check what graphs need.

        Raises:
            ValueError: there is no CUDA device, several processes share the batch, or the generator is to be
                trained on the images of the discriminator's step, whose graph is another.
        """
        faults = {
            f"compute.device must be cuda, but is {training.device.type}": training.device.type != "cuda",
            "one process must train alone": get_world_size() > 1,
            "train.reuse_fake must be false": params.reuse_fake,
        }
        broken = [fault for fault, holds in faults.items() if holds]
        if broken:
            raise ValueError(
                f"train.cuda_graphs = true: {'; '.join(broken)}; or set train.cuda_graphs to false"
            )
        super().__init__(training, params)
        self._real: Batch | None = None
        self._counts = {"discriminator": 0, "generator": 0}
        self._captured: dict[str, tuple[torch.cuda.CUDAGraph, Loss]] = {}

    def update_discriminator(self, real: Batch, is_last: bool) -> Loss:
        """See Steps."""
        # A graph reads the images from where they lay when it was captured.
        if self._real is None:
            self._real = real.map(torch.empty_like)
        static = self._real
        for place, part in zip(static, real, strict=True):
            if place is not None and part is not None:
                place.copy_(part)
        step = super().update_discriminator
        return self._run("discriminator", lambda: step(static, is_last))

    def update_generator(self, count: int) -> Loss:
        """See Steps."""
        step = super().update_generator
        return self._run("generator", lambda: step(count))

    def _run(self, name: str, step: Callable[[], Loss]) -> Loss:
        self._counts[name] += 1
        if self._counts[name] <= STEPS_BEFORE_CAPTURE:
            return _run_aside(step)
        if name not in self._captured:
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(self.training.random)
            with torch.cuda.graph(graph):
                loss = step()
            self._captured[name] = graph, loss
        graph, loss = self._captured[name]
        graph.replay()
        return loss


def _run_aside(step: Callable[[], Loss]) -> Loss:
    """Run a step on a stream of its own, as steps that are to be captured later have to be."""
    aside, here = torch.cuda.Stream(), torch.cuda.current_stream()
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        loss = step()
    here.wait_stream(aside)
    return loss
