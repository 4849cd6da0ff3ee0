"""Where the wall time of a flow went: what the stages took themselves, and what running them cost."""

import threading
import time
from typing import NamedTuple

import psutil


class Life(NamedTuple):
    """One command that the host ran.

    Attributes:
        kind: `dvc`, or `module` for a stage itself.
        name: what it ran: the stage to DVC's mind (`train@sngan-A-0`), or its module (`stages.train`).
        began: when, in seconds since 1970.
        ended: likewise.
    """

    kind: str
    name: str
    began: float
    ended: float


class Timing:
    """Takes the times of stages; called by one thread for all of them."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        # What came before the flow's first line is its cost, too.
        self._began = psutil.Process().create_time()
        self._spans: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def begin(self, stage: str) -> None:
        """Take note that a stage is handed to Prefect."""
        with self._lock:
            self._spans[stage] = [time.time()]

    def end(self, stage: str) -> None:
        """Take note that Prefect has told of its end; of one that never began there is nothing to note."""
        with self._lock:
            if stage in self._spans:
                self._spans[stage].append(time.time())

    def tell(self, lives: list[Life]) -> dict[str, float]:
        """Divide the wall time so far into parts, in seconds; what is done side by side counts by its share.

        Args:
            lives: of the commands that the host ran, all ended.

        Returns:
            The parts by name, which add up to `wall`, which is among them; nothing when no stage ran.
        """
        spans = {stage: span for stage, span in self._spans.items() if len(span) > 1}
        if not spans:
            return {}
        first, last = min(span[0] for span in spans.values()), max(span[1] for span in spans.values())
        stages = sum(
            life.ended - life.began for life in lives if life.kind == "module" and life.began > first
        )
        # The last look comes after all of them, and names some of them, too.
        within_dvc = sum(
            life.ended - life.began for life in lives if life.name in spans and life.began < last
        )
        busy = sum(span[1] - span[0] for span in spans.values())
        now = time.time()
        return {
            "stages themselves": stages / self._slots,
            "DVC and process starts": (within_dvc - stages) / self._slots,
            "Prefect's tasks": (busy - within_dvc) / self._slots,
            "nothing to run beside another stage": last - first - busy / self._slots,
            "before the first stage": first - self._began,
            "after the last stage": now - last,
            "wall": now - self._began,
        }


def tabulate(parts: dict[str, float], tracking: float) -> str:
    """Write the parts as a Markdown table with their shares of the whole.

    Args:
        parts: in seconds, `wall` the whole.
        tracking: processor seconds that live tracking took beside all that.
    """
    rows = [
        f"| {name} | {seconds:.1f} s | {seconds / parts['wall']:.1%} |" for name, seconds in parts.items()
    ]
    beside = f"Live tracking took {tracking:.1f} s of a processor beside all that."
    return "\n".join(["| Where the time went | | |", "|---|---:|---:|", *rows, "", beside])
