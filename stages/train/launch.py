"""Train one trial in this process, or in several that are started on this machine: `compute.processes` of them."""

import logging
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

from stages.common.artifacts import Trial
from stages.common.cli import describe_error
from stages.common.compute import configure_compute
from stages.common.errors import InputError
from stages.common.streams import secure_streams
from stages.networks.distributed import get_rank
from stages.train.distributed import RENDEZVOUS, process_group
from stages.train.export import export_outputs
from stages.train.trial import train_trial

ERROR_FILE, RENDEZVOUS_FILE = "error", "rendezvous"
# The interface of this machine alone, which Gloo and NCCL meet on; other systems have other names for it.
LOOPBACK = {"linux": "lo", "darwin": "lo0"}


def train(trial: Trial) -> None:
    """Read all inputs first, then train the share of this process, then write the outputs in the first process."""
    with process_group(configure_compute()) as device:
        trained = train_trial(trial, device)
        if get_rank() == 0:
            export_outputs(trained)


def train_in_processes(trial: Trial, count: int) -> None:
    """Have several processes train a trial together, and wait until all have ended; one that fails ends the others.

    Args:
        trial: the trial.
        count: the number of processes, 2 or more.

    Raises:
        InputError: a process found a fault in the input.
        ProcessRaisedException: a process raised any other exception; it has that process's traceback.
        ProcessExitedException: a process was ended by a signal.
    """
    # Torch would tell that it ends the others beside the reason, which is the one line that counts.
    logging.getLogger(start_processes.__module__).setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            start_processes(_train_share, (trial, count, folder), count, start_method="spawn")
        except (ProcessExitedException, ProcessRaisedException):
            # Where one process found a fault, the others may have lost their connection to it, and told that first.
            fault = folder / ERROR_FILE
            if fault.exists() and (text := fault.read_text(encoding="utf-8")):
                raise InputError(text) from None
            raise


def _train_share(rank: int, trial: Trial, count: int, folder: Path) -> None:
    """Train the share of one process; the first process that finds a fault in the input leaves it in a file."""
    secure_streams()
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        RENDEZVOUS: (folder / RENDEZVOUS_FILE).as_uri(),
    }
    if sys.platform in LOOPBACK:
        os.environ |= dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), LOOPBACK[sys.platform])
    try:
        train(trial)
    except (InputError, OSError) as error:
        with suppress(FileExistsError), (folder / ERROR_FILE).open("x", encoding="utf-8") as file:
            file.write(describe_error(error))
        sys.exit(1)
