"""Live tracking beside a flow: trainings reach MLflow while they run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# All that a flow which is ended runs is to be gone within ten seconds.
HURRIED_SECONDS = 4.0


@contextmanager
def follow_trainings(is_needed: bool) -> Iterator[list[Any]]:
    """Follow the trainings that run meanwhile, until the context ends; an error in it is told of as their failure.

    Yields:
        A list that holds the follower, once it has started, if one is needed.
    """
    followers: list[Any] = []
    if not is_needed:
        yield followers
        return

    def start() -> None:
        # MLflow takes two seconds to import, which no stage need wait for.
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
                follower.stop(has_failed, HURRIED_SECONDS)
            else:
                follower.stop(has_failed)
