"""Train one leg: data/prepared -> models/<leg> (snapshots, state) and results/train/<leg> (losses, timings)."""

from stages.common.compute import start_compute
from stages.common.entry import read_leg, run_stage
from stages.networks.shares import find_rank
from stages.train.handover import hand_over
from stages.train.leg import train_leg
from stages.train.processes import join_processes


def main() -> None:
    """Read everything first, then train, then write."""
    leg = read_leg(__doc__)
    with join_processes(start_compute()) as device:
        trained = train_leg(leg, device)
        if find_rank() == 0:
            hand_over(trained)


if __name__ == "__main__":
    run_stage(main)
