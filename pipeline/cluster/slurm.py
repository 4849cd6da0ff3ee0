"""Run workers as SLURM jobs with dask-jobqueue."""

import importlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.cluster.options import PAGES, SCHEDULER_OPTIONS, WORKER_OPTIONS, make_security
from pipeline.cluster.settings import SlurmSettings

# The head submits a new job for a lost one, so SLURM must not requeue the lost one as well.
DIRECTIVES = ["--no-requeue"]
SQUEUE_SECONDS = 10
POLL_SECONDS = 0.5
# The attributes of dask-jobqueue 0.9 that have the files of a run's certificates.
CERTIFICATES = ("_job_ca_file", "_job_cert", "_job_key")
# This command waits until its parent closes the pipe or dies. Then it removes the certificates and cancels the jobs.
GUARD = 'cat > /dev/null; rm -rf "$2"; exec scancel --name="$1"'


def import_jobqueue() -> None:
    """Import dask-jobqueue in the main thread, and undo the handler of Ctrl-C that its runner.py (0.9.0) sets."""
    handler = signal.getsignal(signal.SIGINT)
    importlib.import_module("dask_jobqueue")
    signal.signal(signal.SIGINT, handler)


def start_slurm(settings: SlurmSettings, name: str) -> tuple[Any, list[Callable[[], object]]]:
    """Start a scheduler on this machine whose workers will be SLURM jobs; no job is submitted yet.

    Args:
        settings: the settings of the jobs.
        name: the name of the jobs, all of which are cancelled when this process ends in any way.

    Returns:
        Dask's cluster, and functions to call at its end.
    """
    from dask_jobqueue import SLURMCluster

    folder = Path(tempfile.mkdtemp(prefix="comparison-", dir=settings.shared_folder))
    # The guard's standard input is a pipe of this process, which is closed when this process ends in any way.
    guard = subprocess.Popen(
        ["sh", "-c", GUARD, "sh", name, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    gpus = [f"--gres=gpu:{settings.gpus}"] if settings.gpus else []
    cluster = SLURMCluster(
        queue=settings.queue,
        account=settings.account,
        cores=settings.cores,
        processes=1,
        memory=settings.memory,
        walltime=settings.walltime,
        job_name=name,
        job_extra_directives=[*DIRECTIVES, *gpus, *settings.directives],
        job_script_prologue=settings.prologue,
        log_directory=settings.logs,
        python=settings.python or sys.executable,
        interface=settings.interface,
        worker_extra_args=WORKER_OPTIONS,
        scheduler_options=SCHEDULER_OPTIONS | {"interface": settings.interface, "dashboard_address": PAGES},
        security=make_security(),
        shared_temp_directory=str(folder),
    )

    def end_guard() -> None:
        for name in CERTIFICATES:
            # Python would try to remove these files later, when their folder no longer exists.
            getattr(cluster, name).close()
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()

    return cluster, [end_guard]


def describe_end_of_job(job: str) -> str:
    """Say how a job has ended, such as that it reached its walltime; "" if it runs, or if SLURM does not know it."""
    command = ["squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T %l"]
    state, walltime, deadline = "COMPLETING", "", time.monotonic() + SQUEUE_SECONDS
    # SLURM gives the reason only when all processes of the job have ended.
    while state == "COMPLETING" and time.monotonic() < deadline:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SQUEUE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        state, _, walltime = done.stdout.strip().partition(" ")
        time.sleep(POLL_SECONDS)
    if state == "TIMEOUT":
        return f"SLURM job {job} reached its walltime of {walltime}"
    return f"SLURM job {job}: {state}" if state not in ("", "RUNNING") else ""
