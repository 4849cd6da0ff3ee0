"""Measure where the wall time of a flow went: the stages' own commands, and the overhead of running them."""

import threading
import time
from typing import NamedTuple

import psutil

TITLE = "Where the time went"


class CommandSpan(NamedTuple):
    """The time of one stage.

    Attributes:
        began: the time at which the stage was submitted to Prefect, in seconds since 1970.
        ended: the time at which Prefect reported the stage's end, in seconds since 1970.
        dvc_seconds: the seconds that DVC needed to reproduce the stage, with the start of its process.
        command_seconds: the seconds that the stage's own command took.
    """

    began: float
    ended: float
    dvc_seconds: float
    command_seconds: float


class Timing:
    """Collects the times of stages; the threads of all stages call it."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        # The wall time includes the start of the process.
        self._began = psutil.Process().create_time()
        self._begun: dict[str, float] = {}
        self._inner: dict[str, tuple[float, float]] = {}
        self._spans: list[CommandSpan] = []
        self._lock = threading.Lock()

    def begin(self, stage: str) -> None:
        """Record that a stage was submitted to Prefect."""
        with self._lock:
            self._begun[stage] = time.time()

    def add(self, stage: str, dvc_seconds: float, command_seconds: float) -> None:
        """Record the seconds that one try of a stage took in DVC in total, and in the stage's own command."""
        with self._lock:
            before = self._inner.get(stage, (0.0, 0.0))
            self._inner[stage] = (before[0] + dvc_seconds, before[1] + command_seconds)

    def end(self, stage: str) -> None:
        """Record that Prefect has reported a stage's end; a stage that never began is ignored."""
        with self._lock:
            if stage in self._begun:
                self._spans.append(
                    CommandSpan(self._begun[stage], time.time(), *self._inner.get(stage, (0.0, 0.0)))
                )

    def divide(self) -> dict[str, float]:
        """Divide the wall time so far into parts, in seconds; times of parallel stages are divided by the slots.

        Returns:
            The parts by name, and their sum as `wall`; empty if no stage ran.
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
    """Write the parts as a Markdown table with their shares of the wall time; see `to_text`."""
    rows = [f"| {name} | {seconds} | {share} |" for name, seconds, share in format_parts(parts)]
    return "\n".join([f"| {TITLE} | | |", "|---|---:|---:|", *rows, "", describe_tracking(tracking_seconds)])


def to_text(parts: dict[str, float], tracking_seconds: float) -> str:
    """Write the parts in columns with their shares of the wall time.

    Args:
        parts: the parts in seconds, and their sum as `wall`.
        tracking_seconds: the processor time of live tracking, which runs in parallel and is not among the parts.
    """
    width = max(map(len, parts))
    rows = [f"  {name:<{width}} {seconds:>9} {share:>7}" for name, seconds, share in format_parts(parts)]
    return "\n".join([f"{TITLE}:", *rows, describe_tracking(tracking_seconds)])


def format_parts(parts: dict[str, float]) -> list[tuple[str, str, str]]:
    """Return the name, the seconds and the share of the wall time of each part."""
    return [(name, f"{seconds:.1f} s", f"{seconds / parts['wall']:.1%}") for name, seconds in parts.items()]


def describe_tracking(seconds: float) -> str:
    """Say how much processor time live tracking took."""
    return f"Live tracking took {seconds:.1f} s of processor time, in parallel to the above."
