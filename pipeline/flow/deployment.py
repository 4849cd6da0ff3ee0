"""Run the flow on a schedule: as a deployment that this process serves, or by a worker for those of prefect.yaml."""

import asyncio
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import yaml
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.exceptions import ObjectAlreadyExists, ParameterTypeError
from prefect.runner import Runner
from prefect.schedules import Cron, Interval

from pipeline.dvc.worker import WorkerPool, run_module
from pipeline.flow.clock import UTC, find_fault
from pipeline.flow.flow import compare, mark_crashed
from pipeline.flow.flow_lock import find_killed_run
from pipeline.flow.request import check_request
from pipeline.flow.temporary_params import restore_all
from stages.common.errors import InputError
from stages.common.params import suggest_name

# The deployment that `schedule` serves. Those of prefect.yaml have other names, so that none replaces another.
NAME = "schedule"
FILE = Path("prefect.yaml")
# The name of the work pool in prefect.yaml.
POOL = "compare"
# The flow, as a deployment names it.
ENTRY_POINT = "pipeline.flow.flow:compare"
# A run ends its processes within ten seconds and reports its state after that.
END_SECONDS = 20.0
# The work pool has no job variables. With them, anyone who may start a run could choose the command that a worker
# executes.
JOB_TEMPLATE = {
    "job_configuration": {"stream_output": True},
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}


def serve_by_the_clock(cron: str, interval: int | None, timezone: str, parameters: dict[str, Any]) -> None:
    """Serve the flow on a schedule until interrupted.

    Two runs at once would only wait for each other, so a run that is due while another one runs is cancelled. The
    schedule is kept when this process ends, and is continued when it is started again.

    Args:
        cron: the times in cron's format; these and `interval` were checked by `find_fault` of `clock`.
        interval: the interval in seconds, instead of `cron`; None to use `cron`.
        timezone: the time zone of `cron`.
        parameters: the parameters of the flow.

    Raises:
        InputError: a run would refuse the parameters.
    """
    check_request(**parameters)
    end_killed_run()
    service = Service(name=NAME, pause_on_shutdown=False, limit=1)
    service.add_flow(
        compare,
        name=NAME,
        schedule=Interval(interval) if interval else Cron(cron, timezone=timezone),
        parameters=parameters,
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
    )
    times = f"every {interval} s" if interval else f"at {cron!r} ({timezone})"
    print(f"The comparison is brought up to date {times}; Ctrl-C ends that.", flush=True)
    asyncio.run(service.serve())


class Service(Runner):
    """Prefect's Runner, which SIGTERM and Ctrl-C both shut down in order, together with the current run."""

    async def serve(self) -> None:
        """Serve until interrupted."""
        self._serving = asyncio.ensure_future(self.start())
        # A process that a shell started in the background ignores SIGINT unless it sets a handler.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.end)
        with suppress(asyncio.CancelledError):
            await self._serving

    def handle_sigterm(self, *_: object) -> None:
        """End serving in order; Prefect's own handler leaves its loops running while the interpreter shuts down."""
        self._serving.get_loop().call_soon_threadsafe(self.end)

    def end(self) -> None:
        """End serving, and end the current run too, which Prefect would otherwise wait for."""
        self._serving.cancel()
        for run in psutil.Process().children():
            run.terminate()


def deploy_all() -> None:
    """Create or update the work pool, and create all deployments of prefect.yaml.

    Raises:
        InputError: the parameters of a deployment are not valid; then none is created.
        subprocess.CalledProcessError: Prefect refused prefect.yaml; its own output says why.
    """
    check_deployments()
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=JOB_TEMPLATE))
        except ObjectAlreadyExists:
            client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=JOB_TEMPLATE))
    subprocess.run([sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"], check=True)


def check_deployments(path: Path = FILE) -> None:
    """Check the times and parameters that prefect.yaml gives to deployments of the flow, before any run needs them.

    Raises:
        InputError: a time never comes or is none, or a run would refuse a parameter; the message names the deployment.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    found = content.get("deployments") if isinstance(content, dict) else None
    for deployment in found if isinstance(found, list) else ():
        if not isinstance(deployment, dict) or deployment.get("entrypoint") != ENTRY_POINT:
            continue
        where = f"{path}: deployment {deployment.get('name')!r}"
        fault = find_fault_of_schedules(deployment.get("schedules"))
        if fault:
            raise InputError(f"{where}: {fault}")
        _check_parameters(deployment.get("parameters") or {}, where)


def find_fault_of_schedules(schedules: object) -> str:
    """Say what is wrong with the cron times of a deployment of prefect.yaml; "" if they are valid."""
    for times in schedules if isinstance(schedules, list) else ():
        if isinstance(times, dict) and "cron" in times:
            fault = find_fault(str(times["cron"]), None, str(times.get("timezone") or UTC))
            if fault:
                return fault.removeprefix("--")
    return ""


def _check_parameters(parameters: object, where: str) -> None:
    if not isinstance(parameters, dict):
        raise InputError(f"{where}: parameters = {parameters!r} is no mapping")
    known = compare.parameters.properties
    for name in parameters:
        if name not in known:
            hint = suggest_name(str(name), known)
            raise InputError(f"{where}: parameter {name!r} is unknown{hint}; there is {', '.join(known)}")
    try:
        check_request(**compare.validate_parameters(parameters))
    except (InputError, ParameterTypeError) as error:
        raise InputError(f"{where}: {' '.join(str(error).split())}") from None


def end_killed_run() -> None:
    """Clean up after a flow that was killed in this repository.

    Prefect would otherwise cancel new runs for five minutes, because the killed run still occupies the only slot.
    """
    killed = find_killed_run()
    if killed:
        mark_crashed(killed)
        restore_all()


def run_worker() -> int:
    """Run a worker of the pool until it is told to end; return its exit code.

    Prefect's worker ends at once on SIGTERM and abandons its run, which Prefect would show as running for ever. So this
    process sends SIGTERM to the run first, which ends its processes and reports its state, and then to the worker. If
    this process is killed, the worker and the run are killed too.
    """

    def end(*_: object) -> None:
        workers = psutil.Process().children()
        runs = [run for worker in workers for run in worker.children()]
        for run in runs:
            run.terminate()
        psutil.wait_procs(runs, timeout=END_SECONDS)
        for worker in workers:
            worker.terminate()

    end_killed_run()
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    command = ("prefect", "worker", "start", "--pool", POOL, "--type", "process")
    with WorkerPool(is_preloaded=False) as pool:
        return pool.call(run_module, *command, on_line=partial(print, flush=True))
