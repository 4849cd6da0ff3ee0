"""The head's record of a worker, functions in a form that can be sent to it, and the errors of workers."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cloudpickle


class ByValue:
    """A function that is pickled with its code, so that a worker without the project can run it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._code = cloudpickle.dumps(function)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[bytes]]:
        return cloudpickle.loads, (self._code,)

    def __call__(self, *arguments: Any) -> Any:
        """Call the function in this process."""
        return cloudpickle.loads(self._code)(*arguments)


def describe(error: Exception) -> str:
    """Describe an error in one line; for a failed program, by the last line of its error output."""
    printed = (getattr(error, "stderr", None) or "").strip().splitlines()
    return printed[-1] if printed else " ".join(str(error).split()) or type(error).__name__


class LostError(RuntimeError):
    """A worker was lost during a stage, which no longer runs; the message names the worker and the reason."""


class ClusterError(RuntimeError):
    """The cluster has no usable worker, or its scheduler has ended."""


@dataclass
class Worker:
    """The head's record of a worker.

    Attributes:
        address: the worker's address in Dask.
        found: the result of preparing the worker, see `Node.prepare`; None until the preparation has ended.
        stage: the stage that the worker runs; "" for none.
        is_entered: whether the flow has begun to prepare the worker, so that it has to be cleaned up.
        last_seen: the time at which the scheduler last heard from the worker, by the scheduler's clock.
        heard: the time at which `last_seen` last changed, by this machine's clock.
    """

    address: str
    found: dict[str, Any] | None = None
    stage: str = ""
    is_entered: bool = False
    last_seen: float = 0.0
    heard: float = field(default_factory=time.monotonic)

    @property
    def host(self) -> str:
        """The host name of the worker's machine; "" if it is not known yet."""
        return self.found["host"] if self.found is not None else ""

    @property
    def name(self) -> str:
        """The host, or the address if the host is not known, for messages."""
        return self.host or self.address

    @property
    def is_free(self) -> bool:
        """Whether the worker can run a stage now."""
        return self.found is not None and not self.found["differences"] and not self.stage
