"""What the command line does once MLflow is imported."""

import os
import random
import sys
import time

from mlflow.exceptions import MlflowException

from pipeline.tracking import UI_HOST
from pipeline.tracking.store import ARTIFACTS, FOLDER, SERVERS, STORE_ERRORS, find_uri, open_store
from pipeline.tracking.sync import Synced, sync
from pipeline.tracking.views import PAGE

TRIES = 6


def sync_store(replace_champion: bool = False, base: str | None = None) -> int:
    """Sync what is on disk and say what came of it; return the exit code."""
    try:
        synced = _sync_patiently(replace_champion, base)
    except STORE_ERRORS as error:
        reason = str(error).partition("\n")[0][:300]
        print(
            f"error: the MLflow store did not take the results ({reason}). They are all on disk: start it again, or "
            "unset MLFLOW_TRACKING_URI to use the embedded one, then `python -m pipeline.tracking sync`",
            file=sys.stderr,
        )
        return 1
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for fault in synced.faults:
        print(f"left out: {fault}", file=sys.stderr)
    done, all_trials = len(synced.trials), len(synced.trials) + len(synced.faults)
    print(f"MLflow has {done} of {all_trials} trials in {find_uri()}; {synced.champion}")
    print(f"Side by side: {PAGE}, after `make ui`", flush=True)
    return 1 if synced.faults else 0


def _sync_patiently(replace_champion: bool, base: str | None) -> Synced:
    """Sync; where another machine makes the same runs in the same moment, look again at what is there then.

    MLflow's server refuses one of two that write the same row at once.
    """
    for _ in range(TRIES - 1):
        try:
            return sync(open_store(), replace_champion, base)
        except MlflowException as error:
            if "IntegrityError" not in str(error):
                raise
            time.sleep(random.uniform(0.5, 3.0))  # noqa: S311  no secret
    return sync(open_store(), replace_champion, base)


def serve_ui(port: int) -> int:
    """Bring the store up to date and serve its UI on this machine alone, until interrupted."""
    address = f"http://{UI_HOST}:{port}"
    sync_store(base=address)
    try:
        uri = find_uri()
    except ValueError:
        return 1
    if uri.startswith(SERVERS):
        print(f"MLFLOW_TRACKING_URI names a server, which has a UI of its own: {uri}")
        return 0
    print(f"MLflow's UI: {address} (Ctrl-C ends it)", flush=True)
    # The server's queue of evaluation jobs would keep processes of its own running, for nothing.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    command = [
        "mlflow",
        "server",
        "--backend-store-uri",
        uri,
        "--host",
        UI_HOST,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += ["--default-artifact-root", (FOLDER / ARTIFACTS).resolve().as_uri()]
    os.execvp(sys.executable, [sys.executable, "-m", *command])  # noqa: S606  no shell
