"""The commands that need MLflow: `sync` and `ui`."""

import random
import sys
import time

from mlflow.exceptions import MlflowException

from pipeline.tracking import UI_HOST
from pipeline.tracking.commit import MISSING, describe_commit
from pipeline.tracking.store import ARTIFACTS, FOLDER, SERVERS, STORE_ERRORS, find_uri, open_store
from pipeline.tracking.sync import SyncResult, sync
from pipeline.tracking.ui import PAGE
from stages.common.cli import CURES, describe_error

ATTEMPTS = 6


def sync_store(replace_champion: bool = False, ui_address: str | None = None) -> int:
    """Sync what is on disk, print what was done, and return the exit code."""
    try:
        result = sync_with_retries(replace_champion, ui_address)
    except STORE_ERRORS as error:
        if isinstance(error, OSError) and error.errno in CURES:
            # It is the disk, and no store that is down.
            print(f"error: {describe_error(error)}", file=sys.stderr)
            return 1
        reason = str(error).partition("\n")[0][:300]
        print(
            f"error: the MLflow store did not take the results ({reason}). They are all on disk: start the store again "
            "or unset MLFLOW_TRACKING_URI to use the embedded one, then run `python -m pipeline.tracking sync`",
            file=sys.stderr,
        )
        return 1
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for reason in result.left_out:
        print(f"left out: {reason}", file=sys.stderr)
    missing = describe_commit().get(MISSING)
    if missing:
        print(f"No Git commit is recorded with the runs: {missing}", file=sys.stderr)
    done = len(result.run_ids)
    print(f"MLflow has {done} of {done + len(result.left_out)} trials in {find_uri()}; {result.champion}")
    print(f"Side by side: {PAGE}, after `make ui`", flush=True)
    return 1 if result.left_out else 0


def sync_with_retries(replace_champion: bool = False, ui_address: str | None = None) -> SyncResult:
    """Sync, and repeat it where MLflow's server refuses a row because another machine writes it at the same moment."""
    for _ in range(ATTEMPTS - 1):
        try:
            return sync(open_store(), replace_champion, ui_address)
        except MlflowException as error:
            if "IntegrityError" not in str(error):
                raise
            time.sleep(random.uniform(0.5, 3.0))  # noqa: S311  This is no secret.
    return sync(open_store(), replace_champion, ui_address)


def serve_ui(port: int) -> int:
    """Sync, and serve the embedded store's UI on this machine until it is interrupted."""
    address = f"http://{UI_HOST}:{port}"
    sync_store(ui_address=address)
    try:
        uri = find_uri()
    except ValueError:
        return 1
    if uri.startswith(SERVERS):
        print(f"MLFLOW_TRACKING_URI names a server, which has a UI of its own: {uri}")
        return 0
    print(f"MLflow's UI: {address} (Ctrl-C ends it)", flush=True)
    # Imported only now: it takes a second more.
    from pipeline.tracking.server import serve_store

    serve_store(uri, UI_HOST, port, artifact_root=(FOLDER / ARTIFACTS).resolve().as_uri())
    return 0
