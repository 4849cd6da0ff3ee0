"""End workers, nodes and the head of a flow over SLURM at random moments, and compare the outputs with a local run's.

`python -m tests.campaigns.kill_cluster --rounds 20 --folder DIR` starts its own SLURM with two nodes, and prints a
table. Each round is one line of DIR/rounds.jsonl, so that the same command goes on where it was interrupted.
"""

import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import chdir, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError
from tests.campaigns.kill import (
    FLOW_LOG,
    RUN_SECONDS,
    Clone,
    Round,
    check_recovery,
    end_left,
    read_command,
    run_rounds,
    wait_until_ended,
)
from tests.cluster.driving import SCRIPT, forget_trials, write_cluster
from tests.slurm import Slurm, find_reason_to_skip, list_jobs, run_slurm

# Dask's scheduler is in the head's process, so it is ended with the head.
VICTIMS = ("head", "worker", "node", "job", "agent", "slurmd")
SENT = {"job": "scancel"}
# A worker whose head has died ends when SLURM cancels its job or when its lease expires.
END_SECONDS = 30.0
# The seconds for which a node is down.
AWAY_SECONDS = 10.0
POLL_SECONDS = 0.05
# What the flow prints of a worker that was lost.
LOSS = re.compile(r"the worker on \S+ was lost \((.*)\); it is tried again")


@dataclass
class ClusterRound(Round):
    """One round of the campaign.

    Attributes:
        lost: how many stages were lost in the middle with their worker.
        idle: how many workers had lost their agent between two stages, with which no stage was lost.
    """

    lost: int = 0
    idle: int = 0

    def count_losses(self, printed: str) -> None:
        """Count what a flow says of workers that were lost.

        Args:
            printed: what it printed.
        """
        # It imports Dask, which `--help` needs not.
        from pipeline.cluster.node import NO_AGENT

        reasons = LOSS.findall(printed)
        self.idle = sum(NO_AGENT in reason for reason in reasons)
        self.lost = len(reasons) - self.idle


class ClusterClone(Clone):
    """A copy of a completed comparison without the outputs of its trials, which are then run over SLURM."""

    options = ("--cluster", ".dvc/tmp/cluster.yaml")

    def __init__(self, folder: Path, base: Path) -> None:
        """Make it.

        Args:
            folder: the folder, which is replaced.
            base: the repository that is copied.
        """
        shutil.rmtree(folder, ignore_errors=True)
        self.folder, self.temporary = folder / "repository", folder / "tmp"
        self.temporary.mkdir(parents=True)
        shutil.copytree(base, self.folder, symlinks=True)
        with chdir(self.folder):
            forget_trials()
            # MLflow's store has the absolute path of the folder in which it was made.
            shutil.rmtree("tracking")
            write_cluster(
                kind="slurm",
                max_jobs=2,
                cores=1,
                memory="1GB",
                walltime="00:30:00",
                directives=["--mem=0"],
                scratch=str(folder / "scratch"),
            )

    def find_leftovers(self) -> Iterator[str]:
        """List what a completed run must not leave, including jobs."""
        yield from super().find_leftovers()
        yield from (f"left: job {job}" for job in list_jobs())


def list_victims(kind: str, clone: Clone, head: psutil.Process) -> list[psutil.Process]:
    """List the processes of a kind that can be ended while a worker runs; for a node or a job, its agents."""
    agents = [one for one in clone.find_processes() if SCRIPT in read_command(one)]
    if kind == "head":
        return [head] if agents else []
    if kind == "worker":
        return [parent for agent in agents if (parent := agent.parent()) is not None]
    return agents


def end(kind: str, victim: psutil.Process, slurm: Slurm) -> None:
    """End a process, or the job or the node on which it runs; the node comes back after a while."""
    environment = victim.environ()
    if kind in ("head", "worker", "agent"):
        victim.kill()
    elif kind == "job":
        subprocess.run(["scancel", environment["SLURM_JOB_ID"]], check=True)
    else:
        node = environment["SLURMD_NODENAME"]
        slurm.daemons[node].kill()
        if kind == "node":
            for process in list_processes_of_node(
                node, environment["SLURM_JOB_ID"], environment["SLURM_CONF"]
            ):
                with suppress(psutil.Error):
                    process.kill()
        slurm.daemons[node].wait()
        time.sleep(AWAY_SECONDS)
        slurm.start(node)


def list_processes_of_node(node: str, job: str, configuration: str) -> list[psutil.Process]:
    """List the processes in a node's jobs, and the processes with which SLURM watches a job."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            environment = process.environ()
            is_in_job = (environment.get("SLURMD_NODENAME"), environment.get("SLURM_CONF")) == (
                node,
                configuration,
            )
            if is_in_job or read_command(process)[:1] == [f"slurmstepd: [{job}.batch]"]:
                found.append(process)
    return found


def strike(head: "subprocess.Popen[bytes]", clone: Clone, round_: Round, moment: float, slurm: Slurm) -> None:
    """Wait for a random moment while the trials' stages run, and end the round's kind of process, job or node."""
    choice, began = random.Random(f"{round_.number}"), time.monotonic()
    first: float | None = None
    while head.poll() is None:
        time.sleep(POLL_SECONDS)
        # The delay begins when the first worker starts.
        victims = list_victims(round_.victim, clone, psutil.Process(head.pid))
        if first is None and victims:
            first = time.monotonic()
        if first is None or time.monotonic() - first < moment or not victims:
            continue
        with suppress(psutil.Error, KeyError):
            end(round_.victim, choice.choice(victims), slurm)
            round_.second = round(time.monotonic() - began, 1)
            return


def run_round(
    number: int, folder: Path, slurm: Slurm, expected: dict[str, str], seconds: float
) -> ClusterRound:
    """Disturb one run of the flow, run it again to its end, and say what was wrong.

    Args:
        number: the number of the round.
        folder: the folder in which the round's clone is made; the clone is removed if nothing was wrong.
        slurm: the SLURM that the nodes belong to.
        expected: the hash of every output by its path, from a local run.
        seconds: the longest delay, in seconds.
    """
    victim = VICTIMS[number % len(VICTIMS)]
    round_ = ClusterRound(number, victim, SENT.get(victim, "SIGKILL"))
    clone = ClusterClone(folder / f"round-{number:03d}", folder / "undisturbed/repository")
    head = clone.start()
    strike(head, clone, round_, random.Random(f"moment-{number}").uniform(0.0, seconds), slurm)
    struck = time.monotonic()
    if victim == "head" and round_.second is not None:
        head.wait()
    else:
        try:
            if head.wait(RUN_SECONDS) != 0:
                round_.faults.append(f"the flow ended with exit code {head.returncode}")
        except subprocess.TimeoutExpired:
            round_.faults.append("the flow did not end")
        struck = time.monotonic()
    round_.count_losses((clone.folder.parent / FLOW_LOG).read_text(encoding="utf-8", errors="replace"))
    left = wait_until_ended(clone, END_SECONDS)
    while (jobs := list_jobs()) and time.monotonic() - struck < END_SECONDS:
        time.sleep(POLL_SECONDS)
    round_.end_seconds = round(time.monotonic() - struck, 1)
    round_.faults += [f"job left: {job}" for job in jobs]
    round_.faults += end_left(left)
    round_.faults += [f"after the signal: {damage}" for damage in clone.find_damage()]
    round_.faults += check_recovery(clone, expected)
    if not round_.faults:
        shutil.rmtree(clone.folder.parent)
    return round_


def run_locally(folder: Path) -> dict[str, str]:
    """Return the hashes of the outputs of a run on this machine only; the run's repository is kept.

    Raises:
        RuntimeError: the run failed.
    """
    path = folder / "undisturbed.json"
    if not path.exists():
        clone = Clone(folder / "undisturbed", settings=("A",))
        if clone.start().wait(RUN_SECONDS) != 0:
            raise RuntimeError(f"the undisturbed run failed: see {clone.folder.parent / FLOW_LOG}")
        path.write_text(json.dumps(clone.read_outputs()), encoding="utf-8")
    outputs: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return outputs


def tabulate(rounds: list[ClusterRound]) -> str:
    """Write a Markdown table with the number of rounds, of losses and of faults for every kind."""
    lines = ["| ended | by | rounds | while a worker was there | stages lost | agents lost between stages |"]
    lines[0] += " slowest end of all | rounds with faults |"
    lines.append("|---|---|---:|---:|---:|---:|---:|---:|")
    for victim in VICTIMS:
        own = [one for one in rounds if one.victim == victim]
        if own:
            cells = [victim, own[0].signal, len(own), sum(one.second is not None for one in own)]
            cells += [sum(one.lost for one in own), sum(one.idle for one in own)]
            cells += [
                f"{max(one.end_seconds or 0.0 for one in own):.1f} s",
                sum(bool(one.faults) for one in own),
            ]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += [f"round {one.number}: {fault}" for one in rounds for fault in one.faults]
    return "\n".join(lines)


def main() -> int:
    """Run the rounds that are not done yet, and return 1 if any round had a fault."""
    parser = CommandParser(__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--folder", type=Path, required=True, help="for clones and results, outside this repository"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="the latest moment after the first worker came"
    )
    options = parser.parse_args()
    reason = find_reason_to_skip()
    if reason:
        raise InputError(reason)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    expected = run_locally(folder)
    with run_slurm() as slurm:
        rounds = run_rounds(
            folder,
            options.rounds,
            lambda number: run_round(number, folder, slurm, expected, options.seconds),
            ClusterRound,
        )
    print(tabulate(rounds))
    return 1 if any(one.faults for one in rounds) else 0


if __name__ == "__main__":
    run_command(main)
