"""Train trials again from nothing in a clone with an empty cache, and compare the outputs with the present results.

`python -m pipeline.verify --retrain`. Equal hardware, packages and threads give equal bytes. Other hardware changes the
last bits, and a training magnifies this difference. In that case the scores are compared instead of the bytes, and they
may differ as much as the scores of two seeds do.
"""

import json
import math
import os
import random
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from scipy.stats import t as student

from pipeline.bundle import BRANCH, bundle_working_tree
from pipeline.child_flow import exit_on_signals, run_flow
from pipeline.flow.request import choose_trials
from pipeline.machine import KIND, read_machine
from pipeline.tracking.lineage import LOCK_FILE, SHARED_STAGES, TRIAL_STAGES, Lock, read_lock
from pipeline.verify import Comparison, compare_outputs, list_outputs
from stages.common.artifacts import POINTS, SCORES, Trial, read_json, write_bytes
from stages.common.errors import InputError
from stages.common.grid import Grid
from stages.common.params import PARAMS_FILE, read_params

LEVEL = 0.05
SCORE_KEYS = {"fid": "Fréchet distance", "inception_score": "Inception Score"}
# These variables would give the clone another MLflow store than its own.
FOREIGN_VARIABLES = ("MLFLOW_TRACKING_URI",)


@dataclass(frozen=True)
class Request:
    """The trials to train again, and where.

    Attributes:
        patterns: patterns of trial names, as the flow's `--trials`; empty for all trials.
        share: the share of these trials to train, above 0 and at most 1; at least one is drawn.
        draw_seed: the seed of the random draw, 0 or more.
        cluster: the cluster.yaml that says where trials run; None for this machine.
        folder: the folder in which the clone is kept, so that an interrupted run can go on; None for a temporary one.
    """

    patterns: list[str]
    share: float = 1.0
    draw_seed: int = 0
    cluster: Path | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class ScorePair:
    """One score of a trial at its last evaluation point, in the present results and after training again.

    Attributes:
        name: the name of the score.
        before: the score in the present results, above 0.
        now: the score after training again, above 0.
        limit: the factor, above 1, by which two trainings of this GAN and setting may differ; None if there is only one
            seed, from which no spread can be estimated.
    """

    name: str
    before: float
    now: float
    limit: float | None

    @property
    def is_within(self) -> bool:
        """Whether the scores differ by no more than seeds do."""
        return self.limit is not None and abs(math.log(self.now / self.before)) <= math.log(self.limit)

    def describe(self) -> str:
        """Return a phrase with both numbers, their ratio, and the allowed factor."""
        allowed = "no limit is known from one seed" if self.limit is None else f"allowed ×{self.limit:.2f}"
        return f"{self.name} {self.before:.4g}, now {self.now:.4g} (×{self.now / self.before:.3f}; {allowed})"


def choose_share(request: Request) -> list[Trial]:
    """Choose the trials to train again among those with results in dvc.lock.

    Raises:
        InputError: a pattern fits no trial, the share is out of range, or a chosen trial has no results.
    """
    if not 0 < request.share <= 1:
        raise InputError(
            f"--share {request.share} is out of range: give a number above 0 and at most 1 (all trials)"
        )
    trials = choose_trials(request.patterns or None)
    count = max(1, round(request.share * len(trials)))
    chosen = sorted(random.Random(request.draw_seed).sample(trials, count), key=trials.index)  # noqa: S311
    lock = read_lock()
    lacking = [trial.name for trial in chosen if f"evaluate@{trial.name}" not in lock]
    if lacking:
        raise InputError(
            f"{LOCK_FILE} has no results of {', '.join(lacking)} to compare with: run the flow first"
        )
    return chosen


def retrain(request: Request) -> int:
    """Train trials again, print the comparison, and return the exit code: 0 if all trials are confirmed, else 1.

    Raises:
        InputError: the request cannot be met; see `choose_share` and `clone_without_results`.
    """
    exit_on_signals()
    trials = choose_share(request)
    refuse_remote(request.cluster)
    named = ", ".join(trial.name for trial in trials)
    print(f"training again from nothing: {named}")
    with clone_without_results(request.folder) as clone:
        run_trials(clone, trials, request.cluster)
        return compare(clone, trials)


def refuse_remote(cluster: Path | None) -> None:
    """Refuse a cluster whose workers would pull the results from a DVC remote instead of training again.

    Raises:
        InputError: the file cannot be read, or names a remote.
    """
    from pipeline.flow.place import read_cluster

    settings = read_cluster(None if cluster is None else str(cluster))
    if settings is not None and settings.remote is not None:
        raise InputError(
            f"{cluster}: remote: {settings.remote} has the results that are to be made anew; leave it out, and let "
            "--folder name a folder on a disk that all workers share"
        )


@contextmanager
def clone_without_results(folder: Path | None) -> Iterator[Path]:
    """Make a clone of the working tree, committed or not, that has no results and a DVC cache of its own.

    The folder of downloads, and files outside Git that params.yaml names by a relative path, are linked into the clone.

    Args:
        folder: the folder that keeps the clone, whose name has the tree's hash; None for a temporary folder.

    Raises:
        InputError: this is no Git repository.
    """
    bundle = bundle_working_tree()
    with tempfile.TemporaryDirectory(prefix="comparison-", ignore_cleanup_errors=True) as name:
        root = Path(name) if folder is None else folder.resolve()
        clone = root / f"retrained-{bundle.tree[:12]}"
        if not clone.exists():
            unfinished = root / f"{clone.name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            root.mkdir(parents=True, exist_ok=True)
            packed = Path(name) / "state.bundle"
            packed.write_bytes(bundle.content)
            subprocess.run(["git", "clone", "--quiet", "--branch", BRANCH, packed, unfinished], check=True)
            (unfinished / LOCK_FILE).unlink(missing_ok=True)
            write_bytes(
                unfinished / ".dvc/config.local", f"[cache]\n    dir = {clone / '.dvc/cache'}\n".encode()
            )
            for path in list_outside_git(unfinished):
                (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
                (unfinished / path).symlink_to(path.resolve())
            unfinished.rename(clone)
        yield clone


def list_outside_git(clone: Path) -> list[Path]:
    """List the relative paths that stages read in this repository and that a clone lacks."""
    params = yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8"))
    named = [
        Path(text)
        for text in _list_texts(params)
        if text and not Path(text).is_absolute() and "\n" not in text
    ]
    candidates = [Path(".cache"), *(path for path in named if path != Path())]
    return [path for path in dict.fromkeys(candidates) if path.exists() and not (clone / path).exists()]


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _list_texts(item)
    elif isinstance(value, str):
        yield value


def run_trials(clone: Path, trials: Iterable[Trial], cluster: Path | None) -> None:
    """Run the flow of a clone for some trials.

    Raises:
        InputError: the flow failed; its own output says why.
    """
    arguments = ["--trials", *(trial.name for trial in trials)]
    if cluster is not None:
        arguments += ["--cluster", str(give_own_scratch(cluster, clone))]
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN_VARIABLES}
    code = run_flow(arguments, clone, environment)
    if code:
        raise InputError(f"the flow that trains again ended with exit code {code}; what it printed says why")


def give_own_scratch(cluster: Path, clone: Path) -> Path:
    """Write a cluster.yaml with a scratch folder in the clone, so that no training resumes from an old checkpoint."""
    settings = read_params(cluster)
    if settings.get("scratch") is None:
        return cluster.resolve()
    path = clone / ".dvc/tmp/cluster.yaml"
    settings["scratch"] = str(clone / ".dvc/tmp/scratch")
    # JSON is valid YAML, and quotes every text.
    write_bytes(path, json.dumps(settings).encode())
    return path


def compare(clone: Path, trials: list[Trial]) -> int:
    """Print how trials in a clone compare with those here, and return the exit code."""
    before, now = read_lock(), read_lock(clone / LOCK_FILE)
    shared = compare_stages(before, now, SHARED_STAGES)
    print(shared.describe("outputs that all trials share", f"equal {LOCK_FILE}"))
    faults = 0
    for trial in trials:
        outputs = compare_stages(before, now, [f"{stage}@{trial.name}" for stage in TRIAL_STAGES])
        print(outputs.describe(f"outputs of {trial.name}", f"equal {LOCK_FILE}"))
        if outputs.different:
            faults += not explain(clone, trial, 2 * len(trials))
    if faults:
        print(f"{faults} of {len(trials)} trials are not confirmed")
    else:
        print(f"{len(trials)} of {len(trials)} trials are confirmed")
    return 1 if faults else 0


def compare_stages(before: Lock, now: Lock, stages: Iterable[str]) -> Comparison:
    """Compare the outputs of some stages by their hashes in two dvc.lock."""
    names = set(stages)
    chosen = [{name: entry for name, entry in lock.items() if name in names} for lock in (before, now)]
    return compare_outputs(list_outputs(chosen[0]), list_outputs(chosen[1]))


def explain(clone: Path, trial: Trial, comparisons: int) -> bool:
    """Print why the bytes of a trial may differ and how much its scores do; tell whether the trial is confirmed.

    Args:
        clone: the clone in which the trial was trained again.
        trial: the trial.
        comparisons: the number of scores compared in all, by which the significance level is divided (Bonferroni).
    """
    machines = [read_kind(Path(), trial), read_kind(clone, trial)]
    if machines[0] and machines[0] == machines[1]:
        print(f"  both were trained on {machines[0]}, so the bytes should be equal")
        return False
    print(f"  trained on {machines[0] or 'a machine that is not known'}, now on {machines[1]}")
    before, now = read_last_scores(Path(), trial), read_last_scores(clone, trial)
    pairs = pair_scores(before, now, trial, comparisons)
    for pair in pairs:
        print(f"  {'within' if pair.is_within else 'NOT within'} what seeds differ by: {pair.describe()}")
    lacking = before.keys() - now.keys()
    for key in sorted(lacking):
        print(f"  no {SCORE_KEYS[key]} now")
    return not lacking and all(pair.is_within for pair in pairs)


def read_kind(root: Path, trial: Trial) -> str:
    """Read which kind of hardware trained a repository's trial; "" if that is not known."""
    with chdir(root):
        machine = read_machine(trial)
    return ", ".join(machine[key] for key in KIND if machine.get(key))


def pair_scores(
    before: dict[str, float], now: dict[str, float], trial: Trial, comparisons: int
) -> list[ScorePair]:
    """Pair the last scores of a trial here and in a clone.

    The limit is the quantile of Student's t-distribution for the difference of two log scores, with the standard
    deviation of the log scores over the seeds of this repository.
    """
    seeds = [read_last_scores(Path(), trial._replace(seed=seed)) for seed in Grid.load().seeds]
    pairs = []
    for key in [key for key in SCORE_KEYS if key in before and key in now]:
        known = [math.log(scores[key]) for scores in seeds if key in scores]
        limit = None
        if len(known) > 1:
            quantile = float(student.ppf(1 - LEVEL / 2 / comparisons, len(known) - 1))
            limit = math.exp(quantile * statistics.stdev(known) * math.sqrt(2))
        pairs.append(ScorePair(SCORE_KEYS[key], before[key], now[key], limit))
    return pairs


def read_last_scores(root: Path, trial: Trial) -> dict[str, float]:
    """Read the scores of a trial's last evaluation point that are above 0; none where it has no results."""
    path = root / SCORES / trial.name / POINTS
    points = read_json(path, "evaluate")["points"] if path.exists() else []
    last = points[-1] if points else {}
    return {key: float(last[key]) for key in SCORE_KEYS if last.get(key)}
