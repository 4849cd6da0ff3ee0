"""Train one trial: data/prepared -> models/<trial> (snapshots, state) and results/train/<trial> (losses, timings)."""

from stages.common.cli import parse_trial, run_stage
from stages.common.compute import configure_compute
from stages.networks.shares import find_rank
from stages.train.handover import hand_over
from stages.train.processes import join_processes
from stages.train.trial import train_trial


def main() -> None:
    """Read everything first, then train, then write."""
    trial = parse_trial(__doc__)
    with join_processes(configure_compute()) as device:
        trained = train_trial(trial, device)
        if find_rank() == 0:
            hand_over(trained)


if __name__ == "__main__":
    run_stage(main)
