"""The commands that need MLflow: `sync` and `ui`."""

import random
import sys
import time

from mlflow.exceptions import MlflowException

from pipeline.tracking import UI_HOST
from pipeline.tracking.address import (
    FOLDER,
    SERVERS,
    find_ui,
    find_uri,
    hide_password,
    read_link,
)
from pipeline.tracking.browser import open_page, open_when_healthy
from pipeline.tracking.commit import COMMIT_MISSING, describe_commit
from pipeline.tracking.store import ARTIFACTS, open_store
from pipeline.tracking.store_check import check_store, find_folder_fault
from pipeline.tracking.store_errors import STORE_ERRORS, describe_error, is_of_disk
from pipeline.tracking.sync import SyncResult, sync
from pipeline.tracking.ui import PAGE
from pipeline.workplace import require_free_port
from stages.common.errors import InputError

ATTEMPTS = 6


def sync_store(replace_champion: bool = False, ui_address: str | None = None) -> int:
    """Sync the results on disk, print what was done, and return the exit code."""
    try:
        result = sync_with_retries(replace_champion, ui_address)
    except STORE_ERRORS as error:
        if is_of_disk(error):
            # The fault is a local disk or file, so the advice for a store that is down does not apply.
            print(f"error: {describe_error(error)}", file=sys.stderr)
            return 1
        print(
            f"error: MLflow did not take the results: {describe_error(error)}. They are all on disk, and "
            "`python -m pipeline.tracking sync` sends those that are missing",
            file=sys.stderr,
        )
        return 1
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for note in result.notes:
        print(f"note: {note}")
    fault = find_folder_fault()
    if fault is not None:
        print(f"note: {fault}")
    for reason in result.left_out:
        print(f"left out: {reason}", file=sys.stderr)
    missing = describe_commit().get(COMMIT_MISSING)
    if missing:
        print(f"No Git commit is recorded with the runs: {missing}", file=sys.stderr)
    done = len(result.run_ids)
    print(
        f"MLflow has {done} of {done + len(result.left_out)} trials in {hide_password(find_uri())}; {result.champion}"
    )
    print(f"Side by side: {PAGE}, after `make ui`", flush=True)
    return 1 if result.left_out else 0


def sync_with_retries(replace_champion: bool = False, ui_address: str | None = None) -> SyncResult:
    """Sync, and retry if MLflow's server refuses a row because another machine writes the row at the same time."""
    for _ in range(ATTEMPTS - 1):
        try:
            return sync(open_store(), replace_champion, ui_address)
        except MlflowException as error:
            if "IntegrityError" not in str(error):
                raise
            time.sleep(random.uniform(0.5, 3.0))  # noqa: S311  This is no secret.
    return sync(open_store(), replace_champion, ui_address)


def serve_ui(port: int, has_browser: bool = True) -> int:
    """Sync, open the table of all trials, and serve the embedded store's UI on this machine until interrupted.

    Args:
        port: the port to listen at.
        has_browser: whether to open the table in a browser, if there is a display.

    Raises:
        InputError: the port cannot be used, or MLFLOW_TRACKING_URI names no store.
    """
    address = f"http://{UI_HOST}:{port}"
    if not find_uri().startswith(SERVERS):
        # The port is checked before the sync, because the sync writes the address into a page.
        require_free_port(UI_HOST, port)
    sync_store(ui_address=address)
    try:
        uri = find_uri()
        is_down = check_store() is not None
    except InputError:
        is_down = True
    if is_down:
        # The sync has already printed the reason.
        return 1
    if uri.startswith(SERVERS):
        table = f"{find_ui(uri)[0]}/{read_link()}"
        print(f"MLFLOW_TRACKING_URI names a server, which has a UI of its own: {table}")
        if has_browser:
            open_page(table)
        return 0
    table = f"{address}/{read_link()}"
    print(f"All trials in MLflow: {table} (Ctrl-C ends it)", flush=True)
    if has_browser:
        open_when_healthy(table, f"{address}/health")
    # This import takes a second, so it comes late.
    from pipeline.tracking.server import serve_store

    serve_store(uri, UI_HOST, port, artifact_root=(FOLDER / ARTIFACTS).resolve().as_uri())
    return 0
