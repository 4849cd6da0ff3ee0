"""Print how far trials are, from the files of their stages: steps, steps a second, and scores.

    python benchmarks/trials_table.py            # in the folder where the stages ran

A trial that is still training, or was stopped, is listed with the step of its log's last row.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from stages.common.cli import run_command

PLANNED_STEPS = "evaluation_generator_steps"


def list_trials(folder: Path) -> list[str]:
    """List the names of the trials that have begun."""
    places = [folder / ".scratch/train", folder / "results/train"]
    return sorted({path.name for place in places if place.exists() for path in place.iterdir()})


def describe_training(folder: Path, trial: str) -> str:
    """Describe how far a trial's training is, and how fast it was."""
    finished = folder / "results/train" / trial / "metrics.jsonl"
    log = (
        finished
        if finished.exists()
        else next((folder / ".scratch/train" / trial).rglob("metrics.jsonl"), None)
    )
    rows = (
        []
        if log is None
        else [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    )
    if not rows:
        return f"{trial}: no step logged"
    step, seconds = rows[-1]["generator_step"], _find_seconds(folder, trial, log)
    rate = f", {step / seconds:.1f} steps/s" if seconds else ""
    if log != finished:
        return f"{trial}: stopped after generator step {step}, {seconds:.0f} s{rate}"
    planned = json.loads((folder / "models" / trial / "manifest.json").read_text())
    diverged_at = planned["diverged_at_generator_step"]
    how = "done" if diverged_at is None else f"diverged at step {diverged_at}"
    return f"{trial}: {how}, {step} of {planned[PLANNED_STEPS][-1]} generator steps, {seconds:.0f} s{rate}"


def _find_seconds(folder: Path, trial: str, log: Path | None) -> float:
    """Return the seconds that the training with this log took; 0.0 where they are not known."""
    if log is None:
        return 0.0
    finished = folder / "timings" / trial / f"{hashlib.sha256(log.read_bytes()).hexdigest()[:16]}.jsonl"
    path = finished if finished.exists() else log.with_name("timings.jsonl")
    lines = path.read_text().splitlines() if path.exists() else []
    complete = [line for line in lines if line.endswith("}")]
    return float(json.loads(complete[-1])["elapsed_seconds"]) if complete else 0.0


def tabulate_scores(folder: Path, trials: list[str]) -> list[str]:
    """Make a Markdown table of the trials that have scores: one row each, with the scores of all its snapshots."""
    rows = []
    for trial in trials:
        path = folder / "results/evaluate" / trial / "points.json"
        points: list[dict[str, Any]] = json.loads(path.read_text())["points"] if path.exists() else []
        if points:
            steps = ", ".join(str(point["generator_step"]) for point in points)
            scores = [
                # An extractor without classes gives no Inception Score.
                ", ".join("–" if point[key] is None else f"{point[key]:.2f}" for point in points)
                for key in ("inception_score", "fid")
            ]
            rows.append(f"| {trial} | {steps} | {scores[0]} | {scores[1]} |")
    return ["| Trial | Generator steps | IS | FID |", "|---|---|---|---|", *rows] if rows else []


def main() -> None:
    """Print the trials of the current folder."""
    folder = Path()
    trials = list_trials(folder)
    for trial in trials:
        print(describe_training(folder, trial))
    print("\n".join(tabulate_scores(folder, trials)))


if __name__ == "__main__":
    run_command(main, __doc__)
