"""What the command line of benchmarks/training.py sets for all of its sections."""

from dataclasses import dataclass

import torch

from stages.common.compute import ComputeParams, configure_compute


@dataclass(frozen=True)
class Settings:
    """How a section runs.

    Attributes:
        gan: the only one to run, or None for all of a section's.
        batch_size: images a step.
        width: channels at full resolution; 64 is the papers'.
        threads: the number of threads of a CPU, for each process.
        device: `cpu` or `cuda`.
        clock: a key of benchmarks.interleaved.CLOCKS.
        rounds: how often each line of a table is timed.
        seconds: how long one timing takes.
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
