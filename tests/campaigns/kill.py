"""End a flow's processes at random moments, run the flow again, and compare what it makes with an undisturbed run.

`python -m tests.campaigns.kill --rounds 40 --folder DIR` prints a table. Each round is one line of DIR/rounds.jsonl, so
that the same command goes on where it was interrupted.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import yaml

from pipeline.dvc.leftovers import DVC_TEMPORARY
from stages.common.artifacts import OUTPUTS, UNFINISHED
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from tests.driving import copy_working_tree, make_environment

VICTIMS = ("flow", "server", "fork server", "DVC child", "stage", "tracking")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# The files below these folders must be equal in every run, because they contain no times.
DETERMINISTIC = (*map(str, OUTPUTS), "tracking/synced.json")
# A flow that is ended must end all its processes within this time.
END_SECONDS = 15.0
# No run of the flow takes longer, even on a busy machine.
RUN_SECONDS = 1800.0
POLL_SECONDS = 0.02
# The file beside its repository that gets what a flow prints.
FLOW_LOG = "flow.log"
# If the flow ended before the signal, the round is repeated with half the delay, unless that is shorter than this.
SHORTEST_SECONDS = 1.0


@dataclass
class Round:
    """One round of the campaign.

    Attributes:
        number: the number of the round, from 0.
        victim: the kind of process that got the signal.
        signal: the signal's name.
        second: when the signal was sent, in seconds after the flow's start; None if no such process ran.
        end_seconds: the seconds from the signal to the end of the flow's last process.
        faults: what was wrong; empty if nothing was.
    """

    number: int
    victim: str
    signal: str
    second: float | None = None
    end_seconds: float | None = None
    faults: list[str] = field(default_factory=list)


AnyRound = TypeVar("AnyRound", bound=Round)


class Clone:
    """A copy of the working tree with a small comparison, and a folder of its own for temporary files.

    Attributes:
        options: the options of the flow's command.
    """

    options: tuple[str, ...] = ("--jobs", "2")

    def __init__(
        self, folder: Path, gans: Sequence[str] = ("sngan",), settings: Sequence[str] = ("A", "C")
    ) -> None:
        """Make it.

        Args:
            folder: the folder, which is replaced.
            gans: the GANs of the comparison.
            settings: the settings of the comparison.
        """
        shutil.rmtree(folder, ignore_errors=True)
        self.folder, self.temporary = folder / "repository", folder / "tmp"
        self.temporary.mkdir(parents=True)
        self.folder.mkdir()
        copy_working_tree(self.folder)
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        params.update(gans=list(gans), settings_used=list(settings))
        path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def start(self) -> subprocess.Popen[bytes]:
        """Start the flow without a Prefect server; its output goes to a file beside the repository."""
        environment = make_environment(TMPDIR=str(self.temporary))
        for name in ("PREFECT_API_URL", "PREFECT_HOME"):
            environment.pop(name, None)
        with (self.folder.parent / FLOW_LOG).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pipeline.flow", "run", *self.options],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def find_processes(self) -> list[psutil.Process]:
        """List the processes that work in the repository or were started with its folder for temporary files."""
        return [process for process in psutil.process_iter() if self._is_here(process)]

    def read_outputs(self) -> dict[str, str]:
        """Return the hash of every output by its path, and of each stage's entry in dvc.lock."""
        return read_outputs(self.folder)

    def find_leftovers(self) -> Iterator[str]:
        """List what a completed run must not leave: temporary files in the repository, and running MLflow runs."""
        for path in self.folder.rglob(".*"):
            if path.name.endswith(UNFINISHED) or DVC_TEMPORARY.fullmatch(path.name):
                yield f"left: {path.relative_to(self.folder)}"
        database = self.folder / "tracking/mlflow.db"
        if database.exists():
            with contextlib.closing(sqlite3.connect(database)) as connection:
                for (name,) in connection.execute("SELECT name FROM runs WHERE status = 'RUNNING'"):
                    yield f"MLflow shows {name} as running"

    def find_damage(self) -> Iterator[str]:
        """List left temporary files, and locks that cannot be read."""
        for path in sorted(self.temporary.iterdir()):
            # Torch and Dask have one cache folder for all processes of a user; an undisturbed run leaves these too.
            if not path.name.startswith(("torchinductor_", "dask-scratch-space")):
                yield f"left in the temporary folder: {path.name}"
        for name, parse in ((".dvc/tmp/rwlock", json.loads), ("dvc.lock", yaml.safe_load)):
            path = self.folder / name
            try:
                if path.exists() and parse(path.read_text(encoding="utf-8")) is None:
                    yield f"{name} is empty"
            except (ValueError, yaml.YAMLError) as error:
                yield f"{name} cannot be read: {str(error).splitlines()[0]}"

    def _is_here(self, process: psutil.Process) -> bool:
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            is_inside = Path(process.cwd()).is_relative_to(self.folder.parent)
            return is_inside or process.environ().get("TMPDIR") == str(self.temporary)
        except psutil.Error:
            return False


def read_outputs(folder: Path) -> dict[str, str]:
    """Return the hash of every output of a repository by its path, and of each entry of its dvc.lock by stage.

    The order of the stages in dvc.lock does not count, because it is the order in which they were first run.
    """
    contents = {
        str(path.relative_to(folder)): path.read_bytes()
        for name in DETERMINISTIC
        for path in sorted([folder / name, *(folder / name).rglob("*")])
        if path.is_file() and not path.name.endswith(UNFINISHED)
    }
    lock = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    contents |= {f"dvc.lock: {stage}": json.dumps(lock[stage], sort_keys=True).encode() for stage in lock}
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def classify(flow: psutil.Process) -> dict[str, list[psutil.Process]]:
    """Sort a flow's processes into the kinds of VICTIMS, by their parent processes and their command lines."""
    found: dict[str, list[psutil.Process]] = {"flow": [flow]}
    for process in flow.children(recursive=True):
        try:
            command, parent = " ".join(process.cmdline()), process.parent()
            kind = "other"
            if "pipeline.tracking" in command:
                kind = "tracking"
            elif "multiprocessing.spawn" in command:
                kind = "server"
            elif "multiprocessing.forkserver" in command and parent is not None:
                # Forked processes keep the fork server's command line, so the distance from the flow tells them apart.
                distance = [one.pid for one in process.parents()].index(flow.pid)
                kind = ("fork server", "DVC child", "stage")[min(distance, 2)]
            elif "stages." in command:
                kind = "stage"
            found.setdefault(kind, []).append(process)
        except (psutil.Error, ValueError):
            continue
    return found


def wait_until_ended(clone: Clone, seconds: float) -> list[psutil.Process]:
    """Wait until no process of a clone is left, and return the processes that are left after that time."""
    deadline = time.monotonic() + seconds
    while (left := clone.find_processes()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def strike(process: subprocess.Popen[bytes], round_: Round, moment: float, choice: random.Random) -> None:
    """Wait for the given delay and for a process of the round's kind, and send that process the round's signal."""
    began, flow = time.monotonic(), psutil.Process(process.pid)
    number = signal.Signals[round_.signal]
    while process.poll() is None:
        time.sleep(POLL_SECONDS)
        if time.monotonic() - began < moment:
            continue
        try:
            found = classify(flow).get(round_.victim)
            if not found:
                continue
            victim = choice.choice(found)
            if round_.victim == "flow" and number == signal.SIGINT:
                # Ctrl-C at a terminal reaches the whole foreground process group.
                os.killpg(victim.pid, number)
            else:
                victim.send_signal(number)
        except (psutil.Error, ProcessLookupError):
            continue
        round_.second = round(time.monotonic() - began, 1)
        return


def run_round(number: int, folder: Path, expected: dict[str, str], duration: float, seed: int) -> Round:
    """Disturb one run of the flow, run it again to its end, and say what was wrong.

    Args:
        number: the number of the round.
        folder: the folder in which the round's clone is made; the clone is removed if nothing was wrong.
        expected: the hash of every output by its path, from a run that was not disturbed.
        duration: the duration of that run, in seconds.
        seed: the seed of the campaign.
    """
    choice = random.Random(f"{seed}-{number}")
    # Six kinds of processes and three signals take turns, so that 18 rounds have every pair once.
    victim, sent = VICTIMS[number % len(VICTIMS)], SIGNALS[number // len(VICTIMS) % len(SIGNALS)]
    round_ = Round(number, victim, sent.name)
    moment = choice.uniform(0.0, duration * 0.9)
    while round_.second is None:
        # On a less busy machine than before, the flow may end before the signal. Then the delay is halved.
        clone = Clone(folder / f"round-{number:03d}")
        process = clone.start()
        strike(process, round_, moment, choice)
        moment /= 2
        if moment < SHORTEST_SECONDS:
            break
    struck = time.monotonic()
    is_flow = victim == "flow"
    try:
        process.wait(END_SECONDS if is_flow else RUN_SECONDS)
    except subprocess.TimeoutExpired:
        round_.faults.append("the flow did not end")
    left = wait_until_ended(clone, END_SECONDS)
    if round_.second is not None and is_flow:
        round_.end_seconds = round(time.monotonic() - struck, 1)
    round_.faults += end_left(left)
    round_.faults += [f"after the signal: {damage}" for damage in clone.find_damage()]
    round_.faults += check_recovery(clone, expected)
    if not round_.faults:
        shutil.rmtree(clone.folder.parent)
    return round_


def check_recovery(clone: Clone, expected: dict[str, str]) -> Iterator[str]:
    """Run the flow again to its end, and list the differences from a run that was not disturbed."""
    process = clone.start()
    try:
        code = process.wait(RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if code != 0:
        yield f"the next run ended with exit code {code}"
    for one in wait_until_ended(clone, END_SECONDS):
        yield f"process left by the next run: {one.pid}"
        with contextlib.suppress(psutil.Error):
            one.kill()
    outputs = clone.read_outputs()
    for path in sorted(expected.keys() | outputs.keys()):
        if expected.get(path) != outputs.get(path):
            yield f"differs: {path}"
    yield from (f"after the next run: {damage}" for damage in (*clone.find_damage(), *clone.find_leftovers()))


def run_undisturbed(folder: Path) -> tuple[dict[str, str], float]:
    """Return the hashes of an undisturbed run's outputs and its duration in seconds; a file keeps them for later calls.

    Raises:
        RuntimeError: the undisturbed run failed.
    """
    path = folder / "undisturbed.json"
    if not path.exists():
        clone = Clone(folder / "undisturbed")
        began = time.monotonic()
        if clone.start().wait(RUN_SECONDS) != 0:
            raise RuntimeError(f"the undisturbed run failed: see {clone.folder.parent / FLOW_LOG}")
        found = {"outputs": clone.read_outputs(), "seconds": time.monotonic() - began}
        path.write_text(json.dumps(found), encoding="utf-8")
        shutil.rmtree(clone.folder.parent)
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept["outputs"], kept["seconds"]


def run_rounds(
    folder: Path, count: int, run: Callable[[int], AnyRound], kind: type[AnyRound]
) -> list[AnyRound]:
    """Run the rounds that are not done yet, print each, and return all of them.

    Args:
        folder: the folder of `rounds.jsonl`, which has a line for each finished round.
        count: the total number of rounds.
        run: a function that runs the round of a number.
        kind: the class of the rounds.
    """
    log = folder / "rounds.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    rounds = [kind(**json.loads(line)) for line in lines]
    for number in range(len(rounds), count):
        rounds.append(run(number))
        with log.open("a", encoding="utf-8") as file:
            print(json.dumps(asdict(rounds[-1])), file=file)
        print(asdict(rounds[-1]), flush=True)
    return rounds


def read_command(process: psutil.Process) -> list[str]:
    """Read a process's command line; empty if the process has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def end_left(processes: list[psutil.Process]) -> Iterator[str]:
    """Kill processes that should have ended, and name each with the beginning of its command line."""
    for one in processes:
        yield f"process left: {one.pid} {' '.join(read_command(one))[:80]}"
        with contextlib.suppress(psutil.Error):
            one.kill()


def tabulate(rounds: list[Round]) -> str:
    """Write a Markdown table with the number of rounds and the faults for every kind of process and signal."""
    lines = ["| process | signal | rounds | sent | slowest end of the flow | rounds with faults |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for victim in VICTIMS:
        for sent in SIGNALS:
            own = [one for one in rounds if (one.victim, one.signal) == (victim, sent.name)]
            if own:
                ends = [one.end_seconds for one in own if one.end_seconds is not None]
                slowest = f"{max(ends):.1f} s" if ends else ""
                was_sent, faulty = (
                    sum(one.second is not None for one in own),
                    sum(bool(one.faults) for one in own),
                )
                lines.append(f"| {victim} | {sent.name} | {len(own)} | {was_sent} | {slowest} | {faulty} |")
    lines += [f"round {one.number}: {fault}" for one in rounds for fault in one.faults]
    return "\n".join(lines)


def main() -> int:
    """Run the rounds that are not done yet, and return 1 if any round had a fault."""
    parser = CommandParser(__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument(
        "--folder", type=Path, required=True, help="for clones and results, outside this repository"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # A process that a shell started in the background ignores Ctrl-C, and the flow would inherit this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    expected, duration = run_undisturbed(folder)
    rounds = run_rounds(
        folder,
        options.rounds,
        lambda number: run_round(number, folder, expected, duration, options.seed),
        Round,
    )
    print(tabulate(rounds))
    return 1 if any(one.faults for one in rounds) else 0


if __name__ == "__main__":
    run_command(main)
