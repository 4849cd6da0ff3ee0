"""A worker as the head has it, what is sent to it, and what can go wrong with it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cloudpickle


class ByValue:
    """A function that is pickled with its code: a worker without the project gets the function itself."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._code = cloudpickle.dumps(function)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[bytes]]:
        return cloudpickle.loads, (self._code,)

    def __call__(self, *arguments: Any) -> Any:
        """Call it here."""
        return cloudpickle.loads(self._code)(*arguments)


def describe(error: Exception) -> str:
    """Describe an error in one line; one of a program by what that printed last."""
    printed = (getattr(error, "stderr", None) or "").strip().splitlines()
    return printed[-1] if printed else " ".join(str(error).split()) or type(error).__name__


class LostError(RuntimeError):
    """A worker was lost in the middle of a stage, of which nothing runs any more; says which worker, and why."""


class ClusterError(RuntimeError):
    """The cluster has no worker that can be used, or its scheduler is gone."""


@dataclass
class Worker:
    """A worker.

    Attributes:
        address: the address by which Dask knows it.
        found: what its preparation has found; None before that has ended.
        stage: what it runs; "" for nothing.
        is_entered: whether anything of the flow may be on it.
        last_seen: the time at which the scheduler last heard of it, by the scheduler's clock.
        heard: the time at which that last changed, by this machine's.
    """

    address: str
    found: dict[str, Any] | None = None
    stage: str = ""
    is_entered: bool = False
    last_seen: float = 0.0
    heard: float = field(default_factory=time.monotonic)

    @property
    def host(self) -> str:
        """The name of its machine; "" where that is not known yet."""
        return self.found["host"] if self.found is not None else ""

    @property
    def name(self) -> str:
        """The host, or the address where no host is known, for messages."""
        return self.host or self.address

    @property
    def is_free(self) -> bool:
        """Whether it can run a stage."""
        return self.found is not None and not self.found["differences"] and not self.stage
