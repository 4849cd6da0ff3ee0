"""Measure the overhead of a cluster: run the same flow with Dask workers on this machine and without them, in turn.

Each run starts in a fresh clone. Finished measurements are kept in FOLDER/runs.jsonl and not repeated, so that the same
command goes on where an earlier one was stopped.
"""

import contextlib
import ctypes
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError

CLUSTER = "kind: local\nmax_jobs: {jobs}\n"
WAYS = ("local", "cluster")
# The data sets that have been downloaded.
DATASETS = Path(".cache")
# Of Linux's prctl.h.
PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Run the rounds that have not been measured, and print the table."""
    parser = CommandParser(__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="for clones and measurements")
    parser.add_argument("--preset", default="default", help="(default: default)")
    parser.add_argument("--jobs", type=int, default=2, help="workers, or stages at once (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, help="runs with a cluster, and without (default: 3)")
    parser.add_argument("--trials", nargs="+", default=[], help="names or patterns; all when left out")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    record = options.folder / "runs.jsonl"
    for number in range(options.rounds):
        # The second run of a round finds more files in the page cache, so the order alternates.
        for way in WAYS if number % 2 == 0 else reversed(WAYS):
            if not any((run["round"], run["way"]) == (number, way) for run in read_runs(record)):
                run = measure(way, options.folder / "clone", options.preset, options.jobs, options.trials)
                with record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"round": number, "way": way} | run) + "\n")
    print(describe(read_runs(record)))


def read_runs(record: Path) -> list[dict[str, Any]]:
    """Read the measurements that earlier calls recorded."""
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    return [json.loads(line) for line in lines]


def measure(way: str, clone: Path, preset: str, jobs: int, trials: list[str]) -> dict[str, Any]:
    """Run the flow in a new clone of this repository.

    Returns:
        `seconds`, the wall time of the flow; `processor_seconds`, the processor time of the flow and of all processes
        that it started; `load`, the machine's load average before the start.

    Raises:
        InputError: the flow failed; the message names the file of its log.
    """
    shutil.rmtree(clone, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", ".", str(clone)], check=True)
    if DATASETS.exists():
        shutil.copytree(DATASETS, clone / DATASETS)
    command = [sys.executable, "-m", "pipeline.flow", "run", "--preset", preset, "--jobs", str(jobs)]
    if trials:
        command += ["--trials", *trials]
    if way == "cluster":
        settings = clone / ".dvc/tmp/cluster.yaml"
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(CLUSTER.format(jobs=jobs), encoding="utf-8")
        command += ["--cluster", str(settings.relative_to(clone))]
    adopt_orphans()
    load, before, began = os.getloadavg()[0], sum_processor_seconds(), time.monotonic()
    path = clone.with_suffix(".log")
    with path.open("wb") as log:
        code = subprocess.run(
            command, cwd=clone, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code != 0:
        last = path.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        raise InputError(
            f"the flow ({way}) ended with exit code {code}: {last or 'no output'}; its log is {path}"
        )
    seconds = time.monotonic() - began
    wait_for_orphans()
    spent = sum_processor_seconds() - before
    return {"seconds": round(seconds, 1), "processor_seconds": round(spent, 1), "load": round(load, 1)}


def adopt_orphans() -> None:
    """Have processes that lose their parent become children of this one, so that their time counts, on Linux alone.

    Nobody waits for the fork server, below which the stages run: it ends just after the flow.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for_orphans() -> None:
    """Wait for all children of this process."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def sum_processor_seconds() -> float:
    """Return the processor seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def describe(runs: list[dict[str, Any]]) -> str:
    """Write a table of the rounds, followed by the median overhead."""
    rounds: dict[int, dict[str, dict[str, Any]]] = {}
    for run in runs:
        rounds.setdefault(run["round"], {})[run["way"]] = run
    whole = {number: ways for number, ways in rounds.items() if len(ways) == len(WAYS)}
    lines = [
        "| round | local | cluster | overhead | processor time, local | cluster | overhead | load before |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    overheads: dict[str, list[float]] = {"seconds": [], "processor_seconds": []}
    for number, ways in sorted(whole.items()):
        cells = [str(number)]
        for key, found in overheads.items():
            local, cluster = (float(ways[way][key]) for way in WAYS)
            found.append(cluster / local - 1)
            cells += [f"{local:.0f} s", f"{cluster:.0f} s", f"{found[-1]:.1%}"]
        loads = ", ".join(f"{ways[way]['load']:.1f}" for way in WAYS)
        lines.append(f"| {' | '.join([*cells, loads])} |")
    if whole:
        medians = {key: statistics.median(found) for key, found in overheads.items()}
        lines.append(
            f"Median overhead of {len(whole)} rounds: {medians['seconds']:.1%} of wall time, "
            f"{medians['processor_seconds']:.1%} of processor time."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
