"""Run the comparison as a Prefect flow: `run` it once, `schedule` it, start Prefect's `server` or a `worker`."""

import os
import signal
import sys
from pathlib import Path

from pipeline.dvc.fork_server import CAN_FORK, start_fork_server
from pipeline.flow import HOME, SERVER_HOST, SERVER_PORT
from pipeline.flow.server import TemporaryServer, find_server, serve
from pipeline.flow.server_settings import URL
from pipeline.workplace import require_root, require_writable
from stages.common.cli import run_command
from stages.common.command_line import CommandParser, add_command
from stages.common.errors import InputError

# DVC's, and of the flow's lock.
STATE = Path(".dvc/tmp")
NIGHTLY = "0 3 * * *"


def main() -> int:
    """Run the command that the command line names, and return the exit code."""
    parser = CommandParser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = add_command(commands, "run", "bring the comparison up to date")
    scheduling = add_command(
        commands, "schedule", "bring the comparison up to date by the clock, until interrupted"
    )
    scheduling.add_argument("--cron", default=NIGHTLY, help=f"when, as cron says it (default: {NIGHTLY!r})")
    scheduling.add_argument(
        "--interval", type=int, metavar="SECONDS", help="instead of --cron: every so many seconds"
    )
    for command in (running, scheduling):
        command.add_argument("--preset", help="for params.yaml, such as smoke")
        command.add_argument(
            "-S",
            "--set",
            action="append",
            dest="overrides",
            metavar="KEY=VALUE",
            help="as dvc exp run -S takes it",
        )
        command.add_argument(
            "--trials", nargs="+", help="names or patterns, such as 'sngan-*'; all when left out"
        )
        command.add_argument("--jobs", type=int, help="stages at once")
        command.add_argument("--device", help="auto, cpu, cuda or mps")
        command.add_argument("--trials-per-device", type=int, default=1, help="stages at once on one GPU")
        command.add_argument(
            "--cluster", metavar="FILE", help="where trials run, if not here: docs/cluster.md has such files"
        )
    serving = add_command(commands, "server", "start Prefect's server and its pages")
    serving.add_argument(
        "--host", default=SERVER_HOST, help=f"where it listens (default: {SERVER_HOST}, this machine alone)"
    )
    serving.add_argument("--port", type=int, default=SERVER_PORT)
    serving.add_argument(
        "--allow",
        action="append",
        default=[],
        dest="allowed_hosts",
        metavar="HOST",
        help="a further host name or address at which browsers and workers call it; may be given several times",
    )
    add_command(commands, "worker", "deploy what prefect.yaml says, and run what falls due")
    options = vars(parser.parse_args())
    command = options.pop("command")
    home = Path(os.environ["PREFECT_HOME"])
    if command == "server":
        if home == HOME.resolve():
            require_root()
        require_writable(home)
        return serve(**options)
    require_root()
    require_writable(STATE, home)
    has_server = find_server()
    if command == "run":
        return run(options, has_server)
    if not has_server:
        raise InputError(
            f"a {command} needs a Prefect server, and none answers: start one with `make server`, or set {URL}"
        )
    return work() if command == "worker" else schedule(**options)


def run(options: dict[str, object], has_server: bool) -> int:
    """Run the flow once; where no server is named or found, with a temporary one."""
    # An exit, unlike death by the signal, ends first what was started for this run.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        server = None if has_server else TemporaryServer()
        if CAN_FORK:
            # It imports DVC and torch while this process imports Prefect.
            start_fork_server()
        from pipeline.flow.run import run_once

        if server is not None:
            server.wait()
        return run_once(options)
    except KeyboardInterrupt:
        print("stopped before the first stage", file=sys.stderr)
        return 128 + signal.SIGINT


def schedule(cron: str, interval: int | None, **parameters: object) -> int:
    """Serve the flow as the deployment `schedule` until interrupted; never two runs of it at once.

    Raises:
        InputError: the times are no times of a schedule.
    """
    from pipeline.flow.deployment import serve_by_the_clock

    fault = find_fault(cron, interval)
    if fault:
        raise InputError(fault)
    serve_by_the_clock(cron, interval, parameters)
    return 0


def find_fault(cron: str, interval: int | None) -> str:
    """Say what is wrong with the times of a schedule; "" where nothing is."""
    from prefect.client.schemas.schedules import CronSchedule

    if interval is not None and interval < 1:
        return f"--interval {interval} has to be at least one second"
    try:
        CronSchedule(cron=cron)
    except ValueError:
        return (
            f"--cron {cron!r} is no time in cron's five fields, such as {NIGHTLY!r} for every night at three"
        )
    return ""


def work() -> int:
    """Deploy what prefect.yaml says to its work pool, and run a worker of it."""
    from pipeline.flow.deployment import deploy_all, run_worker

    deploy_all()
    return run_worker()


if __name__ == "__main__":
    run_command(main)
