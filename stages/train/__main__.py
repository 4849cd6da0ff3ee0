"""Train one leg: data/prepared -> models/<leg> (snapshots, state) and results/train/<leg> (losses, timings)."""

from stages.common.compute import start_compute
from stages.common.entry import read_leg, run_stage
from stages.train.handover import hand_over
from stages.train.leg import train_leg


def main() -> None:
    """Read everything first, then train, then write."""
    leg = read_leg(__doc__)
    hand_over(train_leg(leg, start_compute()))


if __name__ == "__main__":
    run_stage(main)
