"""Train one trial: data/prepared -> models/<trial> (snapshots, state) and results/train/<trial> (losses)."""

from stages.common.cli import parse_trial, run_command
from stages.common.compute import configure_compute
from stages.networks.distributed import get_rank
from stages.train.distributed import process_group
from stages.train.export import export_outputs
from stages.train.trial import train_trial


def main() -> None:
    """Read all inputs first, then train, then write the outputs."""
    trial = parse_trial(__doc__)
    with process_group(configure_compute()) as device:
        trained = train_trial(trial, device)
        if get_rank() == 0:
            export_outputs(trained)


if __name__ == "__main__":
    run_command(main)
