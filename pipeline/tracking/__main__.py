"""Bring results to MLflow: `sync` what is on disk, `follow` trainings live, open the `ui`."""

import argparse
import signal
import subprocess
import sys
from types import FrameType

from pipeline.tracking import UI_PORT


def main() -> int:
    """Read the command line and do it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.tracking", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    syncing = commands.add_parser("sync", help="make or complete the runs of all that is on disk")
    syncing.add_argument(
        "--replace-champion",
        action="store_true",
        help="let the best generator take over from one it cannot be compared with",
    )
    following = commands.add_parser("follow", help="run a command, and follow the trainings it starts")
    following.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="such as: dvc repro")
    serving = commands.add_parser(
        "ui", help="sync, then serve MLflow's UI of the embedded store on 127.0.0.1"
    )
    serving.add_argument("--port", type=int, default=UI_PORT)
    options = parser.parse_args()
    if options.command == "follow":
        if not options.words:
            parser.error("follow needs a command, such as: follow dvc repro")
        return follow(options.words)
    # Imported here: MLflow takes two seconds, which a followed command need not wait for.
    from pipeline.tracking.commands import serve_ui, sync_store

    return sync_store(options.replace_champion) if options.command == "sync" else serve_ui(options.port)


def follow(words: list[str]) -> int:
    """Run a command and follow its trainings; return the command's exit code.

    The command gets SIGINT and SIGTERM as if it were called without this.
    """
    process = subprocess.Popen(words)

    def pass_on(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    # A terminal sends SIGINT to the command, too.
    signal.signal(signal.SIGINT, lambda *_: None)
    from pipeline.tracking.follow import FollowerThread

    follower = FollowerThread()
    code = process.wait()
    follower.stop(has_failed=code != 0)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
