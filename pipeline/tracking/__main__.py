"""Send results to MLflow and serve them: `sync`, `follow`, `ui`, `server` for several machines, `model` over HTTP."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import TypeAlias

from pipeline.tracking import FOLDER, MODEL_PORT, UI_HOST, UI_PORT
from pipeline.tracking.mlflow_settings import check_settings
from pipeline.tracking.store_check import check_store, check_uri
from pipeline.workplace import require_free_port, require_root, require_writable
from stages.common.cli import run_command
from stages.common.command_line import CommandParser, add_command
from stages.common.errors import InputError

Commands: TypeAlias = "argparse._SubParsersAction[CommandParser]"


def main() -> int:
    """Parse the command line, run the command that it names, and return the exit code."""
    parser = CommandParser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sync = add_command(commands, "sync", "create or complete the runs of all results on disk")
    sync.add_argument(
        "--replace-champion",
        action="store_true",
        help="let the best generator replace a champion whose score was computed under another protocol",
    )
    follow = add_command(commands, "follow", "run a command and log the trainings that it starts, live")
    follow.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="for example: dvc repro")
    ui = add_command(commands, "ui", "sync, then serve MLflow's UI of the embedded store on 127.0.0.1")
    ui.add_argument("--port", type=int, default=UI_PORT, help=f"the port to listen at (default: {UI_PORT})")
    ui.add_argument(
        "--no-browser", action="store_true", help="only print the address of the table of all trials"
    )
    _add_server(commands)
    _add_model(commands)
    options = parser.parse_args()
    if options.command != "server":
        require_root()
        require_writable(Path(FOLDER))
    if options.command == "follow":
        # Up to Python 3.12 argparse leaves the `--` that ends options among the words.
        words = options.words[1:] if options.words[:1] == ["--"] else options.words
        if not words:
            parser.error("follow needs a command, for example: follow dvc repro")
        return follow_command(words)
    check_settings()
    if options.command == "model":
        require_free_port(options.host, options.port)
        # The saved model has its own `stages` package, and this process has imported another. So a new process serves.
        code = "import json, sys; from pipeline.tracking.model_server import serve; serve(**json.loads(sys.argv[1]))"
        arguments = {name: getattr(options, name) for name in ("model", "host", "port", "allowed_hosts")}
        # S606: the program is this Python itself.
        os.execv(sys.executable, [sys.executable, "-c", code, json.dumps(arguments)])  # noqa: S606
    if options.command == "server":
        reason = check_uri(options.store, "--store")
        if reason is not None:
            raise InputError(reason)
        require_free_port(options.host, options.port)
        from pipeline.tracking.server import serve_store

        serve_store(
            options.store,
            options.host,
            options.port,
            options.allowed_hosts,
            artifacts_destination=options.artifacts,
        )
        return 0
    # The import of MLflow takes two seconds, which a followed command need not wait for.
    from pipeline.tracking.commands import serve_ui, sync_store

    if options.command == "sync":
        return sync_store(options.replace_champion)
    return serve_ui(options.port, has_browser=not options.no_browser)


def _add_server(commands: Commands) -> None:
    server = add_command(commands, "server", "serve MLflow to several machines, with the runs in a database")
    server.add_argument("--store", required=True, metavar="URI", help="the database's address")
    server.add_argument("--artifacts", required=True, metavar="FOLDER", help="the folder for artifacts")
    _add_address(server, UI_PORT)


def _add_model(commands: Commands) -> None:
    model = add_command(commands, "model", "serve a registered model, which draws images, over HTTP")
    model.add_argument(
        "model", help="its URI, such as models:/NAME@champion, in the store that MLFLOW_TRACKING_URI names"
    )
    _add_address(model, MODEL_PORT)


def _add_address(server: CommandParser, port: int) -> None:
    server.add_argument("--host", default=UI_HOST, help=f"the address to listen at (default: {UI_HOST})")
    server.add_argument("--port", type=int, default=port, help=f"the port to listen at (default: {port})")
    server.add_argument(
        "--allow",
        action="append",
        default=[],
        dest="allowed_hosts",
        metavar="HOST",
        help="a further host name or address at which the server may be called; can be repeated",
    )


def follow_command(words: list[str]) -> int:
    """Run a command, log its trainings while they run, and return the command's exit code.

    SIGINT and SIGTERM reach the command as if it had been started directly. The command runs even if the store is down.

    Raises:
        InputError: the store can never be used, or the command cannot be started.
    """
    reason = check_store()
    if reason is not None:
        print(
            f"MLflow: {reason}. The command runs anyway; `make track` sends missing results later.",
            file=sys.stderr,
        )
    try:
        process = subprocess.Popen(words)
    except OSError as error:
        raise InputError(
            f"follow cannot start {words[0]!r} ({error.strerror}): name a program that is installed, for example: "
            "follow dvc repro"
        ) from None

    def forward(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    signal.signal(signal.SIGTERM, forward)
    # A terminal sends SIGINT to every process of the group, so the command has received it already.
    signal.signal(signal.SIGINT, lambda *_: None)
    from pipeline.tracking.follower import FollowerThread

    follower = FollowerThread()
    code = process.wait()
    follower.stop(has_failed=code != 0)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    run_command(main)
