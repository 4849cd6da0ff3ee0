"""The options of benchmarks/training.py that all of its sections share."""

from dataclasses import dataclass

import torch

from stages.common.compute import ComputeParams, configure_compute


@dataclass(frozen=True)
class Settings:
    """The options of one benchmark.

    Attributes:
        gan: the name of the only GAN to run; None runs all GANs of the section.
        batch_size: the number of images of a step.
        width: the number of channels at full resolution; the papers use 64.
        threads: the number of CPU threads of each process.
        device: the device that trains, `cpu` or `cuda`.
        clock: the clock that times the work, a key of benchmarks.interleaved.CLOCKS.
        rounds: the number of timings of each line of a table.
        seconds: the duration of one timing.
    """

    gan: str | None = None
    batch_size: int = 64
    width: int = 64
    threads: int = 2
    device: str = "cpu"
    clock: str = "wall"
    rounds: int = 5
    seconds: float = 1.0

    @property
    def is_on_gpu(self) -> bool:
        """Whether the work runs on a GPU, which has to be waited for."""
        return self.device == "cuda"

    def configure_as_stages_do(self) -> torch.device:
        """Set up threads, memory and, on a GPU, deterministic kernels without TF32, as every stage does."""
        section = {"device": self.device, "threads": self.threads, "images": "auto"}
        return configure_compute(ComputeParams.model_validate(section))

    def synchronize(self) -> None:
        """Wait for the GPU, if there is one to wait for."""
        if self.is_on_gpu:
            torch.cuda.synchronize()
