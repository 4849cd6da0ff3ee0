"""How far every trial is: bars on a terminal, a line a stage elsewhere, and progress artifacts for Prefect's pages."""

import logging
import re
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any, Self
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline.flow.graph import Graph, name_trial
from pipeline.flow.schedule import End

# What a training prints as it goes (stages/train/progress.py).
TRAINING_LINE = re.compile(r"^\S+: generator step (?P<done>\d+)/(?P<all>\d+),")
ARTIFACT_SECONDS = 5.0


class Board:
    """Shows trials by name; called by the threads of all stages."""

    def __init__(self, graph: Graph, trials: Iterable[str]) -> None:
        self._lock = threading.Lock()
        # How far each stage of each trial is, from 0 to 1.
        self._parts = {
            trial: {stage: 0.0 for stage in graph.needs if name_trial(stage) == trial} for trial in trials
        }
        self._artifacts: dict[str, UUID] = {}
        self._updated: dict[str, float] = {}
        self._done, self._stage_count = 0, len(graph.needs)
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._total = self._bars.add_task("all stages", total=len(graph.needs), note="")
        self._rows: dict[str, TaskID] = {}
        self._handlers: dict[PrefectConsoleHandler, Any] = {}

    def __enter__(self) -> Self:
        # Prefect's log lines go above the bars, through the one console that knows of them.
        if not self._bars.disable:
            for handler in find_console_handlers():
                self._handlers[handler], handler.console = handler.console, self._console
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        for handler, console in self._handlers.items():
            handler.console = console

    def show(self, stage: str, line: str) -> None:
        """Take note of a line that a stage printed."""
        if step := TRAINING_LINE.match(line):
            with self._lock:
                self._advance(stage, int(step["done"]) / int(step["all"]), line.partition(": ")[2])

    def begin(self, stage: str) -> None:
        """Take note that a stage starts."""
        with self._lock:
            self._advance(stage, 0.0, stage.partition("@")[0])

    def end(self, stage: str, end: End) -> None:
        """Take note that a stage has ended."""
        with self._lock:
            self._done += 1
            self._bars.update(self._total, completed=self._done, note=f"{stage}: {end.outcome.value}")
            self._advance(stage, 1.0 if end.is_good else 0.0, end.outcome.value, is_certain=True)

    def summarise(self) -> str:
        """Say in a line how many stages and trials are done."""
        with self._lock:
            whole = sum(min(parts.values()) >= 1.0 for parts in self._parts.values())
            return f"{self._done} of {self._stage_count} stages, {whole} of {len(self._parts)} trials done"

    def _advance(self, stage: str, part: float, note: str, is_certain: bool = False) -> None:
        trial = name_trial(stage)
        if trial not in self._parts:
            return
        parts = self._parts[trial]
        parts[stage] = part
        percent = 100 * sum(parts.values()) / len(parts)
        if trial not in self._rows:
            self._rows[trial] = self._bars.add_task(trial, total=100, note="")
        self._bars.update(self._rows[trial], completed=round(percent), note=note, visible=percent < 100)
        now = time.monotonic()
        if is_certain or now - self._updated.get(trial, -ARTIFACT_SECONDS) >= ARTIFACT_SECONDS:
            self._updated[trial] = now
            self._publish(trial, percent)

    def _publish(self, trial: str, percent: float) -> None:
        if trial in self._artifacts:
            update_progress_artifact(self._artifacts[trial], progress=percent)
        else:
            made = create_progress_artifact(
                percent, key=slug(f"trial-{trial}"), description=f"How far {trial} is"
            )
            assert isinstance(made, UUID)
            self._artifacts[trial] = made


def slug(name: str) -> str:
    """Turn a name into an artifact's key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def find_console_handlers() -> list[PrefectConsoleHandler]:
    """Find what writes Prefect's log to the terminal."""
    names = ["prefect", "prefect.flow_runs", "prefect.task_runs"]
    found = [handler for name in names for handler in logging.getLogger(name).handlers]
    return [handler for handler in found if isinstance(handler, PrefectConsoleHandler)]
