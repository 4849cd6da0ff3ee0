"""Start the cluster of cluster.yaml, or connect to a running one; a started cluster ends with this process."""

import importlib.util
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.cluster.connect import connect
from pipeline.cluster.options import CONNECT_SECONDS, PAGES, SCHEDULER_OPTIONS, make_security
from pipeline.cluster.settings import AddressSettings, LocalSettings, Settings, SlurmSettings, SshSettings
from pipeline.cluster.slurm import describe_end_of_job, import_jobqueue, start_slurm
from stages.common.artifacts import SCRATCH
from stages.common.errors import InputError

PACKAGES = {"distributed": "distributed", "dask_jobqueue": "dask-jobqueue", "cryptography": "cryptography"}
CLOSE_SECONDS = 15


@dataclass
class Cluster:
    """A cluster that was started, or that was running already.

    Attributes:
        client: Dask's client.
        scale: a function that starts workers up to the given number, and replaces lost ones; raises the error of the
            batch system or SSH if that fails.
        explain: a function that says how a job of the batch system, given by its number, has ended; "" if unknown.
        closing: functions to call at the end.
    """

    client: Any
    scale: Callable[[int], object] = lambda count: None
    explain: Callable[[str], str] = lambda job: ""
    closing: list[Callable[[], object]] = field(default_factory=list)

    def close(self) -> None:
        """Disconnect from the cluster, and end all that was started for it."""
        for close in self.closing:
            close()


def check_can_start(settings: Settings) -> None:
    """Refuse a cluster that cannot be started from this machine, before anything is started.

    Raises:
        InputError: a package or a program is missing, or a setting does not fit this machine; the message has the cure.
    """
    missing = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise InputError(
            f"a cluster needs {', '.join(missing)}; install what is missing: "
            "`pip install -c constraints.txt -r requirements-cluster.txt`"
        )
    programs = {"slurm": ("sbatch", "scancel"), "ssh": ("ssh",)}.get(settings.kind, ())
    for program in programs:
        if shutil.which(program) is None:
            raise InputError(
                f"kind = {settings.kind!r} needs the program {program}, which is not on the PATH here"
            )
    if settings.scratch is not None and Path(settings.scratch).resolve() == SCRATCH.resolve():
        raise InputError(
            f"scratch = {settings.scratch!r} is this repository's own folder of checkpoints, in which the head keeps a "
            "copy of what workers log; name another folder"
        )
    if isinstance(settings, SlurmSettings | SshSettings):
        check_interface(settings.interface)
    if isinstance(settings, SlurmSettings):
        import_jobqueue()


def check_interface(name: str) -> None:
    """Refuse an interface that this machine does not have.

    Raises:
        InputError: the machine has no such interface; the message lists those that it has.
    """
    import psutil

    interfaces = psutil.net_if_addrs()
    if name not in interfaces:
        raise InputError(f"interface = {name!r} is none of this machine; there is {', '.join(interfaces)}")


def start_cluster(settings: Settings, name: str) -> Cluster:
    """Start a cluster without workers, or connect to a running one.

    Args:
        settings: the settings of the cluster.
        name: the name of its jobs, by which they are found and cancelled after this process has ended.

    Raises:
        InputError: there is no usable scheduler at the address.
        OSError: a scheduler that was started here does not answer.
    """
    from distributed import Client

    # The flow reports new and lost workers itself, so Dask's messages about them are hidden.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if isinstance(settings, AddressSettings):
        client = connect(settings)
        return Cluster(client, closing=[lambda: client.close(CLOSE_SECONDS)])
    start = {LocalSettings: _start_local, SlurmSettings: start_slurm, SshSettings: _start_ssh}[type(settings)]
    dask_cluster, closing = start(settings, name)  # type: ignore[operator]
    client = Client(dask_cluster, timeout=CONNECT_SECONDS)
    return Cluster(
        client,
        lambda count: _scale(dask_cluster, count),
        describe_end_of_job if isinstance(settings, SlurmSettings) else lambda job: "",
        [lambda: client.close(CLOSE_SECONDS), lambda: dask_cluster.close(CLOSE_SECONDS), *closing],
    )


def _scale(dask_cluster: Any, count: int) -> None:
    async def correct() -> None:
        try:
            await dask_cluster._correct_state()
        except Exception:
            # Dask would count workers that did not start as started, so they are removed.
            for name, worker in list(dask_cluster.workers.items()):
                if worker.status.name != "running":
                    del dask_cluster.workers[name]
            raise

    dask_cluster.scale(count)
    dask_cluster.sync(correct)


def _start_local(settings: LocalSettings, _: str) -> tuple[Any, list[Callable[[], object]]]:
    from distributed import LocalCluster

    return (
        LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            memory_limit=0,
            host="127.0.0.1",
            dashboard_address=PAGES,
            scheduler_kwargs=SCHEDULER_OPTIONS,
            security=make_security(),
        ),
        [],
    )


def _start_ssh(settings: SshSettings, _: str) -> tuple[Any, list[Callable[[], object]]]:
    from distributed import Scheduler, SpecCluster

    from pipeline.cluster.ssh_worker import SshWorker

    security = make_security()
    options = SCHEDULER_OPTIONS | {
        "interface": settings.interface,
        "protocol": "tls://",
        "security": security,
    }
    cluster = SpecCluster(
        workers={},
        scheduler={"cls": Scheduler, "options": options | {"dashboard_address": PAGES}},
        security=security,
        name="ssh",
    )

    def scale(count: int) -> None:
        cluster.worker_spec = {
            f"{host}-{number}": {
                "cls": SshWorker,
                "options": {"host": host, "settings": settings, "security": security},
            }
            for number, host in enumerate(settings.hosts[:count])
        }

    cluster.scale = scale
    return cluster, []
