"""Live tracking: a thread of the flow sends the metrics of trainings to MLflow while they run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A flow that is stopped must end all its processes within ten seconds, of which this thread gets four.
STOP_SECONDS = 4.0


@contextmanager
def follow_trainings(is_needed: bool) -> Iterator[list[Any]]:
    """Follow running trainings until the context ends; if it ends in an error, their MLflow runs are marked failed.

    Args:
        is_needed: whether to start live tracking at all.

    Yields:
        A list that holds the follower once it has started.
    """
    followers: list[Any] = []
    if not is_needed:
        yield followers
        return

    def start() -> None:
        # The import of MLflow takes two seconds. It happens in a thread, so that no stage waits for it.
        from pipeline.tracking.follower import FollowerThread

        followers.append(FollowerThread())

    starting = threading.Thread(target=start, name="start of the follower", daemon=True)
    starting.start()
    has_failed = True
    try:
        yield followers
        has_failed = False
    finally:
        starting.join()
        for follower in followers:
            if has_failed:
                follower.stop(has_failed, STOP_SECONDS)
            else:
                follower.stop(has_failed)
