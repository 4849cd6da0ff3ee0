"""Run a SLURM with two nodes on this machine for a test."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.serving import find_free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue")
# Debian installs the programs of daemons in these folders.
PATH = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
CONTROLLER = "slurmctld"
NODES = ("n1", "n2")
READY_SECONDS = 60
END_SECONDS = 15
CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
AuthType=auth/munge
ProctrackType=proctrack/pgid
MpiDefault=none
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
StateSaveLocation={folder}/state
SlurmUser=root
SwitchType=switch/none
TaskPlugin=task/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
KillWait=2
SlurmdTimeout=10
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cores} State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cores} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def find_reason_to_skip() -> str:
    """Say why SLURM cannot be started here; "" if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if missing:
        return f"SLURM is not installed: {', '.join(missing)} (Debian: apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "SLURM's daemons are started by root"


@dataclass
class Slurm:
    """A running SLURM.

    Attributes:
        configuration: the path of its configuration file.
        daemons: its processes, by `slurmctld` or the name of a node.
    """

    configuration: Path
    daemons: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a node's daemon, or `slurmctld`."""
        program = [name] if name == CONTROLLER else ["slurmd", "-N", name]
        self.daemons[name] = subprocess.Popen(
            [*program, "-D", "-f", str(self.configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """Cancel all jobs, and end all daemons."""
        subprocess.run(["scancel", f"--user={pwd.getpwuid(os.geteuid()).pw_name}"], check=False)
        for process in reversed(self.daemons.values()):
            process.terminate()
        for process in self.daemons.values():
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def run_slurm() -> Iterator[Slurm]:
    """Run the two nodes until the block ends; within it, SLURM's commands use them."""
    with (
        tempfile.TemporaryDirectory(prefix="gan-comparison-slurm-") as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        patch.setenv("PATH", PATH)
        for part in ("state", "spool.n1", "spool.n2"):
            (folder / part).mkdir()
        configuration = folder / "slurm.conf"
        ports = [find_free_port() for _ in range(3)]
        configuration.write_text(
            CONFIGURATION.format(folder=folder, ports=ports, host=os.uname().nodename, cores=os.cpu_count())
        )
        patch.setenv("SLURM_CONF", str(configuration))
        _start_munge()
        slurm = Slurm(configuration)
        try:
            for name in (CONTROLLER, *NODES):
                slurm.start(name)
            _wait_until_ready()
            yield slurm
        finally:
            slurm.stop()


def list_jobs() -> list[str]:
    """List the ids of running and waiting jobs."""
    listed = subprocess.run(
        ["squeue", "--noheader", "--states=PENDING,RUNNING", "--format=%i"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()


def _start_munge() -> None:
    if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode == 0:
        return
    user = pwd.getpwnam("munge")
    Path("/run/munge").mkdir(exist_ok=True)
    os.chown("/run/munge", user.pw_uid, user.pw_gid)
    subprocess.run(["munged"], user="munge", check=True)


def _wait_until_ready() -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        nodes = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%t"], capture_output=True, text=True, check=False
        )
        if nodes.stdout.split() == ["idle", "idle"]:
            return
        assert time.monotonic() < deadline, nodes.stdout + nodes.stderr
        time.sleep(0.2)
