"""The progress of every trial: bars on a terminal, and progress artifacts for Prefect's pages."""

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

from pipeline.dvc.repo import Graph
from pipeline.flow.scheduler import StageResult, name_trial

# What a training prints as it goes (stages/train/progress.py).
TRAINING_LINE = re.compile(r"^\S+: generator step (?P<done>\d+)/(?P<all>\d+),")
ARTIFACT_SECONDS = 5.0


class ProgressDisplay:
    """Shows the progress of trials; is called by the threads of all stages."""

    def __init__(self, graph: Graph, trials: Iterable[str]) -> None:
        self._lock = threading.Lock()
        # The share of each stage of each trial that is done, from 0 to 1.
        self._parts: dict[str, dict[str, float]] = {trial: {} for trial in trials}
        for stage in graph:
            if name_trial(stage) in self._parts:
                self._parts[name_trial(stage)][stage] = 0.0
        self._artifacts: dict[str, UUID] = {}
        self._updated: dict[str, float] = {}
        self._done, self._stage_count = 0, len(graph)
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
        self._total = self._bars.add_task("all stages", total=len(graph), note="")
        self._rows: dict[str, TaskID] = {}
        self._handlers: dict[PrefectConsoleHandler, Any] = {}

    def __enter__(self) -> Self:
        # Prefect's log lines have to be printed above the bars, by the console that draws them.
        if not self._bars.disable:
            for handler in find_console_handlers():
                self._handlers[handler], handler.console = handler.console, self._console
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        for handler, console in self._handlers.items():
            handler.console = console

    def show_line(self, stage: str, line: str) -> None:
        """Show the progress that a line of a training's output tells of; other lines change nothing."""
        if step := TRAINING_LINE.match(line):
            with self._lock:
                self._advance(stage, int(step["done"]) / int(step["all"]), line.partition(": ")[2])

    def begin(self, stage: str) -> None:
        """Show that a stage starts."""
        with self._lock:
            self._advance(stage, 0.0, stage.partition("@")[0])

    def end(self, stage: str, result: StageResult) -> None:
        """Show that a stage has ended."""
        with self._lock:
            self._done += 1
            self._bars.update(self._total, completed=self._done, note=f"{stage}: {result.outcome.value}")
            self._advance(stage, 1.0 if result.is_good else 0.0, result.outcome.value, is_certain=True)

    def summarise(self) -> str:
        """Return a line with the numbers of stages and trials that are done."""
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
            created = create_progress_artifact(
                percent, key=slug(f"trial-{trial}"), description=f"Progress of {trial}"
            )
            assert isinstance(created, UUID)
            self._artifacts[trial] = created


def slug(name: str) -> str:
    """Turn a name into an artifact's key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def find_console_handlers() -> list[PrefectConsoleHandler]:
    """List the handlers that write Prefect's log to the terminal."""
    names = ["prefect", "prefect.flow_runs", "prefect.task_runs"]
    found = [handler for name in names for handler in logging.getLogger(name).handlers]
    return [handler for handler in found if isinstance(handler, PrefectConsoleHandler)]
