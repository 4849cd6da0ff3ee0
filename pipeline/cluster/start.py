"""Start the workers that cluster.yaml asks for, or reach those that run; what was started ends with this process."""

import importlib.util
import logging
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.cluster.settings import AddressSettings, LocalSettings, Settings, SlurmSettings, SshSettings
from stages.common.errors import InputError

PACKAGES = {"distributed": "distributed", "dask_jobqueue": "dask-jobqueue", "cryptography": "cryptography"}
CONNECT_SECONDS = 20
CLOSE_SECONDS = 15
# A worker whose scheduler does not answer ends after so long.
DEATH_SECONDS = 30
# Dask's worker is a process of its own beside the agent, and its limit is none of the stages'.
# Dask has an HTTP server in any case; it is for the machine itself.
PAGES = "127.0.0.1:0"
WORKER_OPTIONS = [
    "--dashboard-address",
    PAGES,
    "--no-dashboard",
    "--nthreads",
    "1",
    "--memory-limit",
    "0",
    "--death-timeout",
    str(DEATH_SECONDS),
]
# Cancels the jobs of a name once what starts it closes the pipe, or is gone.
GUARD = 'cat > /dev/null; exec scancel --name="$1"'


@dataclass
class Cluster:
    """A cluster that was started, or reached.

    Attributes:
        client: Dask's.
        scale: has so many workers started, also where some were lost; raises what the batch system or SSH says if that
            fails.
        closing: what is to be called at the end.
    """

    client: Any
    scale: Callable[[int], object] = lambda count: None
    closing: list[Callable[[], object]] = field(default_factory=list)

    def close(self) -> None:
        """Let go of the cluster, and end what was started for it."""
        for close in self.closing:
            close()


def check_can_start(settings: Settings) -> None:
    """Refuse what cannot be started here, before anything is.

    Raises:
        InputError: a package or a program is missing; says what helps.
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
    if isinstance(settings, SlurmSettings | SshSettings):
        check_interface(settings.interface)
    if isinstance(settings, SlurmSettings):
        import_jobqueue()


def import_jobqueue() -> None:
    """Import dask-jobqueue, in the main thread: its runner.py (0.9.0) sets a handler of Ctrl-C as it is imported."""
    handler = signal.getsignal(signal.SIGINT)
    importlib.import_module("dask_jobqueue")
    signal.signal(signal.SIGINT, handler)


def check_interface(name: str) -> None:
    """Refuse an interface that this machine does not have.

    Raises:
        InputError: names those that there are.
    """
    import psutil

    interfaces = psutil.net_if_addrs()
    if name not in interfaces:
        raise InputError(f"interface = {name!r} is none of this machine; there is {', '.join(interfaces)}")


def start_cluster(settings: Settings, name: str) -> Cluster:
    """Start a cluster with no workers yet, or reach one that runs.

    Args:
        settings: which.
        name: the name of its jobs, by which they are found when this process is gone.

    Raises:
        OSError: its scheduler does not answer.
    """
    from distributed import Client

    # What Dask says of a worker that came or went, the flow says in its own words.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if isinstance(settings, AddressSettings):
        client = Client(settings.address, security=_read_security(settings), timeout=CONNECT_SECONDS)
        return Cluster(client, closing=[lambda: client.close(CLOSE_SECONDS)])
    start = {LocalSettings: _start_local, SlurmSettings: _start_slurm, SshSettings: _start_ssh}[
        type(settings)
    ]
    dask_cluster, closing = start(settings, name)  # type: ignore[operator]
    client = Client(dask_cluster, timeout=CONNECT_SECONDS)
    return Cluster(
        client,
        lambda count: _scale(dask_cluster, count),
        [lambda: client.close(CLOSE_SECONDS), lambda: dask_cluster.close(CLOSE_SECONDS), *closing],
    )


def _scale(dask_cluster: Any, count: int) -> None:
    async def correct() -> None:
        try:
            await dask_cluster._correct_state()
        except Exception:
            # Those that did not start would count as started.
            for name, worker in list(dask_cluster.workers.items()):
                if worker.status.name != "running":
                    del dask_cluster.workers[name]
            raise

    dask_cluster.scale(count)
    dask_cluster.sync(correct)


def _read_security(settings: AddressSettings) -> Any:
    from distributed.security import Security

    if settings.tls_ca_file is None:
        return None
    return Security(
        tls_ca_file=settings.tls_ca_file,
        tls_client_cert=settings.tls_cert,
        tls_client_key=settings.tls_key,
        require_encryption=True,
    )


def _make_security() -> Any:
    """Make certificates for this run: whoever can call a scheduler or a worker runs code as this user."""
    from distributed.security import Security

    return Security.temporary()


def _start_local(settings: LocalSettings, _: str) -> tuple[Any, list[Callable[[], object]]]:
    from distributed import LocalCluster

    return (
        LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            memory_limit=0,
            host="127.0.0.1",
            dashboard_address=PAGES,
            scheduler_kwargs={"dashboard": False},
            security=_make_security(),
        ),
        [],
    )


def _start_slurm(settings: SlurmSettings, name: str) -> tuple[Any, list[Callable[[], object]]]:
    from dask_jobqueue import SLURMCluster

    folder = Path(tempfile.mkdtemp(prefix="comparison-", dir=settings.shared_folder))
    # Its standard input is a pipe of this process, which closes with it, however that ends.
    guard = subprocess.Popen(
        ["sh", "-c", GUARD, "sh", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def end_guard() -> None:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()

    gpus = [f"--gres=gpu:{settings.gpus}"] if settings.gpus else []
    cluster = SLURMCluster(
        queue=settings.queue,
        account=settings.account,
        cores=settings.cores,
        processes=1,
        memory=settings.memory,
        walltime=settings.walltime,
        job_name=name,
        job_extra_directives=[*gpus, *settings.directives],
        job_script_prologue=settings.prologue,
        log_directory=settings.logs,
        python=settings.python or sys.executable,
        interface=settings.interface,
        worker_extra_args=WORKER_OPTIONS,
        scheduler_options={"interface": settings.interface, "dashboard_address": PAGES, "dashboard": False},
        security=_make_security(),
        shared_temp_directory=str(folder),
    )
    return cluster, [end_guard, lambda: shutil.rmtree(folder, ignore_errors=True)]


def _start_ssh(settings: SshSettings, _: str) -> tuple[Any, list[Callable[[], object]]]:
    from distributed import Scheduler, SpecCluster

    from pipeline.cluster.ssh_worker import SshWorker

    security = _make_security()
    options = {
        "interface": settings.interface,
        "protocol": "tls://",
        "security": security,
        "dashboard": False,
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
