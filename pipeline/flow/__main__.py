"""Run the comparison as a Prefect flow: `run` it once, `schedule` it, start Prefect's `server` or a `worker`."""

import os
import signal
import sys
from pathlib import Path

from pipeline.dvc.fork_server import CAN_FORK, start_fork_server
from pipeline.flow import HOME, SERVER_HOST, SERVER_PORT
from pipeline.flow.clock import NIGHTLY, UTC, find_fault
from pipeline.flow.server import TemporaryServer, find_server, serve
from pipeline.flow.server_settings import URL
from pipeline.workplace import require_root, require_writable
from stages.common.cli import run_command
from stages.common.command_line import CommandParser, add_command
from stages.common.errors import InputError

# The folder of DVC's temporary files and of the flow's lock.
STATE = Path(".dvc/tmp")


def main() -> int:
    """Run the command that the command line names, and return the exit code."""
    parser = CommandParser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = add_command(commands, "run", "bring the comparison up to date")
    scheduling = add_command(
        commands, "schedule", "bring the comparison up to date by the clock, until interrupted"
    )
    times = scheduling.add_mutually_exclusive_group()
    times.add_argument("--cron", default=NIGHTLY, help=f"times in cron's format (default: {NIGHTLY!r})")
    times.add_argument(
        "--interval", type=int, metavar="SECONDS", help="seconds between two runs, instead of --cron"
    )
    scheduling.add_argument(
        "--timezone", default=UTC, help=f"the time zone of --cron, such as Europe/Berlin (default: {UTC})"
    )
    for command in (running, scheduling):
        command.add_argument("--preset", help="the preset to write to params.yaml, such as smoke")
        command.add_argument(
            "-S",
            "--set",
            action="append",
            dest="overrides",
            metavar="KEY=VALUE",
            help="an override of params.yaml, in the form of dvc exp run -S",
        )
        command.add_argument(
            "--trials", nargs="+", help="names or patterns of trials, such as 'sngan-*' (default: all)"
        )
        command.add_argument("--jobs", type=int, help="the number of stages that run at once")
        command.add_argument("--device", help="auto, cpu, cuda or mps")
        command.add_argument(
            "--trials-per-device",
            type=int,
            default=1,
            help="the number of stages that run at once on one GPU",
        )
        command.add_argument(
            "--cluster", metavar="FILE", help="the cluster on which trials run: see docs/cluster.md"
        )
    serving = add_command(commands, "server", "start Prefect's server and its pages")
    serving.add_argument(
        "--host",
        default=SERVER_HOST,
        help=f"the address to listen at (default: {SERVER_HOST}, this machine only)",
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
    add_command(commands, "worker", "create the deployments of prefect.yaml, and run them when they are due")
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
    if command == "schedule":
        fault = find_fault(*(options[name] for name in ("cron", "interval", "timezone")))
        if fault:
            raise InputError(fault)
    has_server = find_server()
    if command == "run":
        return run(options, has_server)
    if not has_server:
        raise InputError(
            f"a {command} needs a Prefect server, and none answers: start one with `make server`, or set {URL}"
        )
    return work() if command == "worker" else schedule(**options)


def run(options: dict[str, object], has_server: bool) -> int:
    """Run the flow once; if no server was found, start a temporary one."""
    # An exit runs the cleanup, which ends the processes of this run; death by the signal would not.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        server = None if has_server else TemporaryServer()
        if CAN_FORK:
            # The fork server imports DVC and torch while this process imports Prefect.
            start_fork_server()
        from pipeline.flow.run import run_once

        if server is not None:
            server.wait()
        return run_once(options)
    except KeyboardInterrupt:
        print("stopped before the first stage", file=sys.stderr)
        return 128 + signal.SIGINT


def schedule(cron: str, interval: int | None, timezone: str, **parameters: object) -> int:
    """Serve the flow as the deployment `schedule` until interrupted; only one run at a time."""
    from pipeline.flow.deployment import serve_by_the_clock

    serve_by_the_clock(cron, interval, timezone, parameters)
    return 0


def work() -> int:
    """Create the deployments of prefect.yaml, and run a worker of their work pool."""
    from pipeline.flow.deployment import deploy_all, run_worker

    deploy_all()
    return run_worker()


if __name__ == "__main__":
    run_command(main)
