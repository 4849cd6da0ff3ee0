"""Train one trial: data/prepared -> models/<trial> (snapshots, state) and results/train/<trial> (losses)."""

import os

from stages.common.cli import parse_trial, run_command
from stages.common.compute import ComputeParams
from stages.common.params import load_section
from stages.train.launch import train, train_in_processes


def main() -> None:
    """Train the trial in this process, or in the processes that `compute.processes` asks for.

    A process that torchrun started is one of several already.
    """
    trial = parse_trial(__doc__)
    processes = load_section(ComputeParams, "compute").processes
    if processes == 1 or "WORLD_SIZE" in os.environ:
        train(trial)
    else:
        train_in_processes(trial, processes)


if __name__ == "__main__":
    run_command(main)
