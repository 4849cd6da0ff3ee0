"""Where the wall time of a flow went: the stages' own commands, and what running them cost."""

import threading
import time
from typing import NamedTuple

import psutil

TITLE = "Where the time went"


class CommandSpan(NamedTuple):
    """The time of one stage.

    Attributes:
        began: when it was handed to Prefect, in seconds since 1970.
        ended: when Prefect reported its end, likewise.
        dvc_seconds: the time from the start of its child process to that process's answer.
        command_seconds: that the stage's own command took.
    """

    began: float
    ended: float
    dvc_seconds: float
    command_seconds: float


class Timing:
    """Collects the times of stages; is called by the threads of all stages."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        # What came before the flow's first line is part of its cost.
        self._began = psutil.Process().create_time()
        self._begun: dict[str, float] = {}
        self._inner: dict[str, tuple[float, float]] = {}
        self._spans: list[CommandSpan] = []
        self._lock = threading.Lock()

    def begin(self, stage: str) -> None:
        """Record that a stage is handed to Prefect."""
        with self._lock:
            self._begun[stage] = time.time()

    def add(self, stage: str, dvc_seconds: float, command_seconds: float) -> None:
        """Record what one try of a stage took, in seconds, in its child process and in its own command."""
        with self._lock:
            before = self._inner.get(stage, (0.0, 0.0))
            self._inner[stage] = (before[0] + dvc_seconds, before[1] + command_seconds)

    def end(self, stage: str) -> None:
        """Record that Prefect has reported a stage's end; one that never began has no time."""
        with self._lock:
            if stage in self._begun:
                self._spans.append(
                    CommandSpan(self._begun[stage], time.time(), *self._inner.get(stage, (0.0, 0.0)))
                )

    def divide(self) -> dict[str, float]:
        """Divide the wall time so far into parts, in seconds; what runs side by side counts by its share.

        Returns:
            The parts by name, which add up to `wall`, which is among them; nothing when no stage ran.
        """
        if not self._spans:
            return {}
        first, last = min(span.began for span in self._spans), max(span.ended for span in self._spans)
        commands = sum(span.command_seconds for span in self._spans)
        dvc = sum(span.dvc_seconds for span in self._spans)
        busy = sum(span.ended - span.began for span in self._spans)
        now = time.time()
        return {
            "stages themselves": commands / self._slots,
            "DVC and process starts": (dvc - commands) / self._slots,
            "Prefect's tasks": (busy - dvc) / self._slots,
            "nothing to run beside another stage": last - first - busy / self._slots,
            "before the first stage": first - self._began,
            "after the last stage": now - last,
            "wall": now - self._began,
        }


def to_markdown(parts: dict[str, float], tracking_seconds: float) -> str:
    """Write the parts as a Markdown table with their shares of the whole; see `to_text`."""
    rows = [f"| {name} | {seconds} | {share} |" for name, seconds, share in format_parts(parts)]
    return "\n".join([f"| {TITLE} | | |", "|---|---:|---:|", *rows, "", describe_tracking(tracking_seconds)])


def to_text(parts: dict[str, float], tracking_seconds: float) -> str:
    """Write the parts in columns with their shares of the whole.

    Args:
        parts: the parts in seconds, `wall` the whole.
        tracking_seconds: processor time that live tracking took beside all that.
    """
    width = max(map(len, parts))
    rows = [f"  {name:<{width}} {seconds:>9} {share:>7}" for name, seconds, share in format_parts(parts)]
    return "\n".join([f"{TITLE}:", *rows, describe_tracking(tracking_seconds)])


def format_parts(parts: dict[str, float]) -> list[tuple[str, str, str]]:
    """Return the name, the seconds and the share of the whole of each part."""
    return [(name, f"{seconds:.1f} s", f"{seconds / parts['wall']:.1%}") for name, seconds in parts.items()]


def describe_tracking(seconds: float) -> str:
    """Say what live tracking took."""
    return f"Live tracking took {seconds:.1f} s of a processor beside all that."
