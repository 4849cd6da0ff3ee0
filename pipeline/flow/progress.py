"""The progress of every trial: bars and scores on a terminal, and progress artifacts for Prefect's pages."""

import re
import threading
import time
from collections.abc import Iterable
from typing import Self
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline.dvc.repo import Graph
from pipeline.flow.scheduler import Outcome, StageResult, name_trial
from pipeline.flow.terminal import TERMINAL
from stages.common.artifacts import POINTS, SCORES, read_json

# The line that a training prints at intervals (stages/train/progress.py).
TRAINING_LINE = re.compile(r"^\S+: generator step (?P<done>\d+)/(?P<all>\d+),")
ARTIFACT_SECONDS = 5.0
# In 80 columns this width leaves the end of a row free, where the terminal echoes ^C.
BAR_COLUMNS = 40
# If bars are shown, a training prints its progress line every second.
BAR_ENVIRONMENT = {"PROGRESS_SECONDS": "1"}


class ProgressDisplay:
    """Shows the progress of trials; the threads of all stages call it."""

    def __init__(self, graph: Graph, trials: Iterable[str]) -> None:
        self._lock = threading.Lock()
        # By trial and stage, the finished share of the stage, from 0 to 1.
        self._parts: dict[str, dict[str, float]] = {trial: {} for trial in trials}
        for stage in graph:
            if name_trial(stage) in self._parts:
                self._parts[name_trial(stage)][stage] = 0.0
        self._artifacts: dict[str, UUID] = {}
        self._updated: dict[str, float] = {}
        self._done, self._stage_count = 0, len(graph)
        # Environment variables for the stages.
        self.environment = BAR_ENVIRONMENT if TERMINAL.is_quiet else {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            TextColumn("{task.fields[note]}"),
            BarColumn(BAR_COLUMNS),
            TimeElapsedColumn(),
            console=TERMINAL.console,
            transient=True,
            disable=not TERMINAL.is_quiet,
        )
        self._total = self._bars.add_task("all stages", total=len(graph), note=self._count_stages())
        # There is one row for each running stage.
        self._rows: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show_line(self, stage: str, line: str) -> None:
        """Show the progress in a line of a training's output; other lines are ignored."""
        if step := TRAINING_LINE.match(line):
            done, whole = int(step["done"]), int(step["all"])
            with self._lock:
                if stage in self._rows:
                    self._bars.update(self._rows[stage], completed=done, total=whole, note=f"{done}/{whole}")
                self._advance(stage, done / whole)

    def begin(self, stage: str) -> None:
        """Show that a stage starts."""
        kind, _, trial = stage.partition("@")
        with self._lock:
            # Rich animates a bar without a total.
            self._rows[stage] = self._bars.add_task(trial or kind, total=None, note=kind if trial else "")
            self._advance(stage, 0.0)

    def end(self, stage: str, result: StageResult) -> None:
        """Show that a stage has ended; after the stage evaluate, print the trial's scores."""
        with self._lock:
            self._done += 1
            self._bars.update(self._total, completed=self._done, note=self._count_stages())
            if stage in self._rows:
                self._bars.remove_task(self._rows.pop(stage))
            self._advance(stage, 1.0 if result.is_good else 0.0, is_certain=True)
        if result.outcome is Outcome.FAILED:
            TERMINAL.print(f"{stage} failed: {result.reason}")
        elif result.outcome is Outcome.RUN and stage.startswith("evaluate@"):
            TERMINAL.print(describe_scores(name_trial(stage)))

    def summarise(self) -> str:
        """Return a line with the numbers of stages and trials that are done."""
        with self._lock:
            whole = sum(min(parts.values()) >= 1.0 for parts in self._parts.values())
            return f"{self._done} of {self._stage_count} stages, {whole} of {len(self._parts)} trials done"

    def _count_stages(self) -> str:
        return f"{self._done}/{self._stage_count}"

    def _advance(self, stage: str, part: float, is_certain: bool = False) -> None:
        trial = name_trial(stage)
        if trial not in self._parts:
            return
        parts = self._parts[trial]
        parts[stage] = part
        percent = 100 * sum(parts.values()) / len(parts)
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


def describe_scores(trial: str) -> str:
    """Return a line with the last scores of a trial: `sngan-A-0  FID 202.7  IS 3.28 at generator step 800`."""
    points = read_json(SCORES / trial / POINTS, made_by=f"evaluate@{trial}")["points"]
    if not points:
        return f"{trial}  diverged before its first snapshot"
    last = points[-1]
    scores = f"FID {last['fid']:.1f}"
    # Extractors without classes give no Inception Score.
    if last["inception_score"] is not None:
        scores += f"  IS {last['inception_score']:.2f}"
    return f"{trial}  {scores} at generator step {last['generator_step']}"
