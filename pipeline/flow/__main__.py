"""Run the comparison as a Prefect flow: `run` it once, `schedule` it, or start Prefect's `server` and its pages."""

import argparse
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

from pipeline.flow import SERVER_HOST, SERVER_PORT
from stages.common.artifacts import write_bytes

NIGHTLY = "0 3 * * *"
URL_VARIABLE = "PREFECT_API_URL"
# Where `server` last served: a run shows up there without being told to.
SERVED = "server.txt"
HEALTH_SECONDS = 2.0


def main() -> int:
    """Read the command line and do it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.flow", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="bring the comparison up to date")
    scheduling = commands.add_parser("schedule", help="do so by the clock, until interrupted")
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
            "--legs", nargs="+", help="names or patterns, such as 'sngan-*'; all when left out"
        )
        command.add_argument("--jobs", type=int, help="stages at once")
        command.add_argument("--device", help="auto, cpu, cuda or mps")
        command.add_argument("--legs-per-device", type=int, default=1, help="stages at once on one GPU")
    serving = commands.add_parser("server", help=f"start Prefect's server and its pages on {SERVER_HOST}")
    serving.add_argument("--port", type=int, default=SERVER_PORT)
    options = vars(parser.parse_args())
    command = options.pop("command")
    if command == "server":
        return serve(**options)
    find_server()
    return run(options) if command == "run" else schedule(**options)


def run(options: dict[str, object]) -> int:
    """Run the flow once; where no server is named or found, Prefect starts one for it alone."""
    # An exit, unlike death by the signal, lets Prefect end the server that it started for this run.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    from pipeline.flow.compare import compare

    state = compare(**options, return_state=True)
    print(state.message, file=sys.stdout if state.is_completed() else sys.stderr, flush=True)
    return 0 if state.is_completed() else 1


def schedule(cron: str, interval: int | None, **parameters: object) -> int:
    """Serve the flow as the deployment `nightly` until interrupted; never two runs of it at once."""
    if URL_VARIABLE not in os.environ:
        print(
            "error: a schedule needs a Prefect server, and none answers: start one with `make server`, or set "
            f"{URL_VARIABLE}",
            file=sys.stderr,
        )
        return 1
    from pipeline.flow.deployment import serve_by_the_clock

    serve_by_the_clock(cron, interval, parameters)
    return 0


def serve(port: int) -> int:
    """Become Prefect's server, on this machine alone."""
    address = f"http://{SERVER_HOST}:{port}"
    home = os.environ["PREFECT_HOME"]
    write_bytes(Path(home) / SERVED, f"{address}/api\n".encode())
    print(f"Prefect's pages: {address} (Ctrl-C ends it)", flush=True)
    os.environ.pop(URL_VARIABLE, None)
    command = ["-m", "prefect", "server", "start", "--host", SERVER_HOST, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606  no shell


def find_server() -> None:
    """Use the server that `server` started in this project, if it answers and no other is named."""
    if URL_VARIABLE in os.environ:
        return
    try:
        address = (Path(os.environ["PREFECT_HOME"]) / SERVED).read_text(encoding="utf-8").strip()
        with urllib.request.urlopen(f"{address}/health", timeout=HEALTH_SECONDS):  # noqa: S310  our own file
            os.environ[URL_VARIABLE] = address
    except (OSError, urllib.error.URLError, ValueError):
        return


if __name__ == "__main__":
    sys.exit(main())
