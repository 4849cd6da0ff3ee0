"""Live tracking beside a flow: the metrics of trainings reach MLflow while they run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A flow that is stopped ends all that it runs within ten seconds.
STOP_SECONDS = 4.0


@contextmanager
def follow_trainings(is_needed: bool) -> Iterator[list[Any]]:
    """Follow the trainings that run until the context ends; their runs are marked failed if it ends in an error.

    Args:
        is_needed: False follows nothing.

    Yields:
        A list that holds the follower once it has started.
    """
    followers: list[Any] = []
    if not is_needed:
        yield followers
        return

    def start() -> None:
        # The import of MLflow takes two seconds; no stage waits for it.
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
