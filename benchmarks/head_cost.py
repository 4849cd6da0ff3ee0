"""Measure what DVC takes on the head of a cluster for the stages of one trial, by the number of trials.

Before a worker runs a stage, the head looks for it in DVC's run-cache and finds nothing; afterwards it restores it from
there. Both are timed in the child process that does it, in processor seconds, on which other work on the machine has
little influence. One trial is really run, by the preset `smoke`; dvc.lock gets its entries under all other names, too.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import networkx as nx
import yaml

from benchmarks.timed_restore import time_restore
from pipeline.dvc.lock_file import HEAD, LOCK_FILE, load_entries, split_entries
from pipeline.dvc.repo import Graph, ReproStatus, read_graph_and_status, reproduce
from pipeline.dvc.worker import WorkerPool
from stages.common.cli import run_command
from stages.common.command_line import CommandParser

TRIAL = "sngan-A-0"
KINDS = ("train", "lipschitz", "sample", "evaluate")
RUNS = Path(".dvc/cache/runs")


def make_repository(folder: Path, trials: int) -> None:
    """Make a repository with so many trials of the preset `smoke`, of which nothing has run."""
    subprocess.run(["git", "clone", "--quiet", ".", str(folder)], check=True)
    subprocess.run([sys.executable, "-m", "pipeline.preset", "smoke", "--force"], cwd=folder, check=True)
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params.update(gans=["sngan"], settings_used=["A"], seeds=list(range(trials)))
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    (folder / LOCK_FILE).unlink()


def run_trial(pool: WorkerPool) -> Graph:
    """Run one trial in the repository of the working folder, and return the graph of all."""
    graph, _ = read_graph_and_status(pool)
    needed = set().union(*({f"{kind}@{TRIAL}"} | nx.ancestors(graph, f"{kind}@{TRIAL}") for kind in KINDS))
    for stage in nx.topological_sort(graph.subgraph(needed)):
        result = reproduce(pool, stage, lambda line: None, {})
        assert result.status is not ReproStatus.FAILED, result.reason
    return graph


def fill_lock_file(trials: int) -> None:
    """Give dvc.lock the entries of so many trials, those of the one that has run under other names."""
    text = Path(LOCK_FILE).read_text(encoding="utf-8")
    entries = split_entries(text) or {}
    own = "".join(entries[f"{kind}@{TRIAL}"] for kind in KINDS)
    others = (
        own.replace(TRIAL, f"sngan-A-{seed}").replace("--seed 0", f"--seed {seed}")
        for seed in range(1, trials)
    )
    Path(LOCK_FILE).write_text(text + "".join(others), encoding="utf-8")


def forget(stage: str) -> None:
    """Remove a stage's outputs and its entry in dvc.lock, but neither from DVC's cache nor from its run-cache."""
    text = Path(LOCK_FILE).read_text(encoding="utf-8")
    for out in load_entries(text)["stages"][stage]["outs"]:
        path = Path(out["path"])
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    entries = split_entries(text) or {}
    del entries[stage]
    Path(LOCK_FILE).write_text(HEAD + "".join(entries.values()), encoding="utf-8")


def measure(pool: WorkerPool, graph: Graph) -> tuple[float, float]:
    """Return the processor seconds of all looks in vain for the stages of one trial, and of restoring them all."""
    looks = restores = 0.0
    for stage in (f"{kind}@{TRIAL}" for kind in KINDS):
        upstream = list(graph.predecessors(stage))
        forget(stage)
        hidden = RUNS.rename(RUNS.with_name("hidden"))
        status, seconds = pool.call(time_restore, stage, upstream)
        assert status is None, status
        looks += seconds
        hidden.rename(RUNS)
        status, seconds = pool.call(time_restore, stage, upstream)
        assert status is ReproStatus.RESTORED, status
        restores += seconds
    return looks, restores


def main() -> None:
    """Measure grids of several sizes, and print a table of medians."""
    parser = CommandParser(__doc__)
    parser.add_argument(
        "--trials", type=int, nargs="+", default=[6, 60, 600], help="trials of each grid (default: 6 60 600)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each grid (default: 3)")
    options = parser.parse_args()
    print("| trials | stages | looking in vain, a trial | restoring, a trial |\n|---:|---:|---:|---:|")
    for trials in options.trials:
        with tempfile.TemporaryDirectory(prefix="head-cost-") as name:
            folder = Path(name) / "repository"
            make_repository(folder, trials)
            with chdir(folder), WorkerPool() as pool:
                graph = run_trial(pool)
                fill_lock_file(trials)
                rounds = [measure(pool, graph) for _ in range(options.rounds)]
        cells = (f"{statistics.median(seconds):.2f} s" for seconds in zip(*rounds, strict=True))
        print(f"| {trials} | {len(graph)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    run_command(main)
