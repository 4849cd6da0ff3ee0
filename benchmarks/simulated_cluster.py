"""Measure the scheduling of a cluster with real Dask and Prefect, and stages that sleep for recorded durations.

The head, Prefect's server, Dask's scheduler and the workers with their agents run as in a flow; DVC and MLflow are left
out. The durations are those of 144 trials (recorded_durations.csv), repeated and divided by `--faster`.
"""

import asyncio
import csv
import logging
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import networkx as nx
import psutil

from benchmarks.sleeping_agent import SECONDS
from stages.common.artifacts import POINTS, SCORES, write_json
from stages.common.cli import run_command
from stages.common.command_line import CommandParser

HERE = Path(__file__).parent
KINDS = ("train", "lipschitz", "sample", "evaluate")
NEEDS = {"lipschitz": "train", "sample": "train", "evaluate": "sample"}
SERVER_SECONDS = 900.0
START_SECONDS_PER_WORKER = 1.0
READY_SECONDS, READY_SECONDS_PER_WORKER = 15.0, 1.5


def read_durations(count: int) -> dict[str, dict[str, float]]:
    """Read the seconds of each stage for `count` trials, by trial and stage, in the order of a flow's graph."""
    lines = (HERE / "recorded_durations.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    chosen = islice(cycle(rows), count)
    return {
        f"{row['trial'].rpartition('-')[0]}-{number}": {kind: float(row[kind]) for kind in KINDS}
        for number, row in enumerate(chosen)
    }


def make_graph(trials: Mapping[str, Any]) -> "nx.DiGraph[str]":
    """Make the graph of the trials' stages; an edge leads from a stage to a stage that depends on it."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for kind in KINDS:
        graph.add_nodes_from(f"{kind}@{trial}" for trial in trials)
    graph.add_edges_from(
        (f"{need}@{trial}", f"{kind}@{trial}") for kind, need in NEEDS.items() for trial in trials
    )
    return graph


def find_shortest(trials: Mapping[str, Mapping[str, float]], workers: int) -> float:
    """Return a lower bound of any schedule in seconds: the total work without idle workers, or the longest trial."""
    whole = sum(sum(trial.values()) for trial in trials.values())
    chains = (
        trial["train"] + max(trial["lipschitz"], trial["sample"] + trial["evaluate"])
        for trial in trials.values()
    )
    return max(whole / workers, *chains)


def make_repository(folder: Path, trials: Iterable[str]) -> None:
    """Make the repository that workers clone, with the sleeping agent and without pins that a worker could violate.

    The scores of every trial, which the flow reads at the trial's end, are an empty list.
    """
    for trial in trials:
        write_json(folder / SCORES / trial / POINTS, {"points": []})
    (folder / "pipeline/cluster").mkdir(parents=True)
    (folder / ".dvc").mkdir()
    for name in (
        "pipeline/__init__.py",
        "pipeline/cluster/__init__.py",
        ".dvc/config",
        "constraints.txt",
        "requirements.txt",
    ):
        (folder / name).touch()
    agent = (HERE / "sleeping_agent.py").read_text(encoding="utf-8")
    (folder / "pipeline/cluster/agent.py").write_text(f"{agent}\n\nmain()\n", encoding="utf-8")
    (folder / ".gitignore").write_text(".scratch/\ntimings/\n.prefect/\nresults/\n", encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)


def run_scheduler(pipe: Any) -> None:
    """Run Dask's scheduler in this process, and send its address."""
    from distributed import Scheduler

    async def serve() -> None:
        async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
            pipe.send(scheduler.address)
            await scheduler.finished()

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    asyncio.run(serve())


def run_workers(address: str, count: int) -> None:
    """Run all Dask workers in this process; they only wait for their agents, so one process is enough."""
    from distributed import Worker

    async def serve() -> None:
        workers = []
        for _ in range(count):
            workers.append(await Worker(address, nthreads=1, memory_limit=0, dashboard=False))
            # If all agents started at once, this machine could not answer the head in time.
            await asyncio.sleep(START_SECONDS_PER_WORKER)
        await asyncio.gather(*(worker.finished() for worker in workers))

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    asyncio.run(serve())


def measure(trial_count: int, worker_count: int, faster: float) -> dict[str, float]:
    """Run one flow in the repository of the working folder, and measure it.

    Returns:
        `seconds`, from the start of the first stage to the end of the last; `shortest`, the lower bound of
        `find_shortest`; `head`, `prefect` and `dask`, the processor seconds of these processes in that time.
    """
    from pipeline.flow import server as servers

    # A busy machine takes long to make Prefect's database.
    servers.START_SECONDS = SERVER_SECONDS
    server = servers.TemporaryServer()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    scheduler = context.Process(target=run_scheduler, args=(there,), daemon=True)
    scheduler.start()
    address = here.recv()
    workers = context.Process(target=run_workers, args=(address, worker_count), daemon=True)
    workers.start()
    server.wait()
    own = {scheduler.pid, workers.pid}
    clocks = {
        "head": time.process_time,
        "dask": lambda: sum_processor_seconds([psutil.Process(scheduler.pid)]),
        "prefect": lambda: sum_processor_seconds(
            [child for child in psutil.Process().children() if child.pid not in own]
        ),
    }
    trials = {
        name: {kind: seconds / faster for kind, seconds in trial.items()}
        for name, trial in read_durations(trial_count).items()
    }
    try:
        spent = run_flow(trials, worker_count, address, clocks)
    finally:
        workers.terminate()
        scheduler.terminate()
    return {"shortest": find_shortest(trials, worker_count)} | spent


def sum_processor_seconds(processes: list[psutil.Process]) -> float:
    """Sum the processor seconds of processes and of their descendants."""
    times = [process.cpu_times() for one in processes for process in [one, *one.children(recursive=True)]]
    return sum(spent.user + spent.system for spent in times)


def run_flow(
    trials: Mapping[str, Mapping[str, float]],
    worker_count: int,
    address: str,
    clocks: Mapping[str, Callable[[], float]],
) -> dict[str, float]:
    """Run the stages of trials by the project's flow, and return the measurements of `measure`."""
    from prefect import flow

    from pipeline.dvc.worker import WorkerPool
    from pipeline.flow.flow import run_stale
    from pipeline.flow.place import Place
    from pipeline.flow.progress import ProgressDisplay
    from pipeline.flow.timing import Timing

    pool = WorkerPool(is_preloaded=False)
    sleeper = Sleeper(trials, worker_count, address, pool)
    sleeper.prepare(worker_count)
    measured: dict[str, float] = {}

    @flow(name="simulated", persist_result=False)
    def simulate() -> None:
        graph = make_graph(trials)
        place = Place(sleeper.run, [{} for _ in range(worker_count)], stop=sleeper.runner.stop)
        with ProgressDisplay(graph, list(trials)) as display:
            before, began = {name: read() for name, read in clocks.items()}, time.monotonic()
            results = run_stale(graph, place, pool, display, Timing(worker_count))
            measured.update({name: read() - before[name] for name, read in clocks.items()})
            measured["seconds"] = sleeper.ended - began
        assert all(result.is_good for result in results.values())

    simulate()
    return measured


class Sleeper:
    """A runner of stages on the workers of a cluster whose agents sleep.

    Attributes:
        runner: the project's runner on a cluster.
        ended: the time at which the last stage ended, in seconds of the monotonic clock.
    """

    def __init__(
        self, trials: Mapping[str, Mapping[str, float]], worker_count: int, address: str, pool: Any
    ) -> None:
        """Connect to the cluster; `trials` has the seconds of each stage, by trial and stage."""
        from pipeline.cluster.runner import ClusterRunner
        from pipeline.cluster.settings import AddressSettings

        # Without a remote the head would ask DVC for the folder of its cache.
        settings = AddressSettings(kind="address", max_jobs=worker_count, address=address, remote="none")
        self.runner, self.ended = ClusterRunner(settings, pool, None, print), 0.0
        self._trials = trials

    def prepare(self, worker_count: int) -> None:
        """Have every worker start its agent, by a stage for each that lasts until all agents have started."""
        seconds = READY_SECONDS + READY_SECONDS_PER_WORKER * worker_count
        with ThreadPoolExecutor(worker_count) as threads:
            for number in range(worker_count):
                threads.submit(self._sleep, f"prepare@{number}", seconds, print)

    def run(self, stage: str, on_line: Callable[[str], None], environment: Mapping[str, str]) -> Any:
        """Run a stage; see `pipeline.dvc.repo.reproduce`."""
        from pipeline.dvc.repo import ReproResult, ReproStatus

        kind, _, trial = stage.partition("@")
        answer = self._sleep(stage, self._trials[trial][kind], on_line)
        self.ended = time.monotonic()
        return ReproResult(ReproStatus[answer["status"]], answer["command_seconds"], answer["reason"])

    def _sleep(self, stage: str, seconds: float, on_line: Callable[[str], None]) -> dict[str, Any]:
        request = {"run": stage, "upstream_lock": {}, "environment": {SECONDS: str(seconds)}}
        return self.runner.run_elsewhere(stage.partition("@")[2], request, on_line)


def main() -> None:
    """Measure one number of workers, and print a table of one row."""
    parser = CommandParser(__doc__)
    parser.add_argument("--workers", type=int, default=64, help="(default: 64)")
    parser.add_argument("--trials", type=int, default=600, help="(default: 600)")
    parser.add_argument("--faster", type=float, default=4.0, help="divisor of durations (default: 4)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simulated-") as name:
        folder = Path(name)
        make_repository(folder, read_durations(options.trials))
        os.chdir(folder)
        os.environ["PREFECT_HOME"] = str(folder / ".prefect")
        found = measure(options.trials, options.workers, options.faster)
    costs = " | ".join(
        f"{1000 * found[name] / options.trials:.0f} ms" for name in ("head", "prefect", "dask")
    )
    print(
        "| workers | trials | faster | shortest | took | efficiency | head | Prefect's server | Dask's scheduler |"
    )
    print(
        f"| {options.workers} | {options.trials} | {options.faster:g} | {found['shortest']:.0f} s | "
        f"{found['seconds']:.0f} s | {found['shortest'] / found['seconds']:.3f} | {costs} |"
    )


if __name__ == "__main__":
    run_command(main)
