"""What made a trial, from dvc.lock: its stages' commands, dependencies, params and outputs, and a key over them."""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from stages.common.artifacts import METRICS, METRICS_LOG, TRAINING, Trial

LOCK_FILE = Path("dvc.lock")
TRIAL_STAGES = ("train", "lipschitz", "sample", "evaluate")
SHARED_STAGES = ("prepare", "extractor", "reference")
KEY_LENGTH = 32

Lock = dict[str, dict[str, Any]]
"""Stages of dvc.lock by name."""


class Lineage(NamedTuple):
    """What made a trial.

    Attributes:
        key: a hash of all that decides and is decided by it, but for what no two runs have alike: timings.
        stage_hashes: a hash of each stage's entry in dvc.lock, by stage.
        params: sections of params.yaml as the stages ran with them, by dotted key.
        outs: MD5 of every output, by path.
    """

    key: str
    stage_hashes: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]


def read_lock(path: Path = LOCK_FILE) -> Lock:
    """Read dvc.lock; without one there are no stages.

    Raises:
        ValueError: it is empty or broken, as it is for a moment whenever DVC writes it.
    """
    if not path.exists():
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  a safe one either way
    except (yaml.YAMLError, UnicodeDecodeError):
        content = None
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} is empty or broken; if DVC is not writing it just now, `git checkout {path}`"
        )
    stages: Lock = content.get("stages") or {}
    return stages


def trace_trial(trial: Trial, lock: Lock) -> Lineage | None:
    """Trace a trial; None while dvc.lock lacks any of its stages, or holds one that ran before what it depends on."""
    own = {stage: lock.get(f"{stage}@{trial.name}") for stage in TRIAL_STAGES}
    shared = {stage: lock.get(stage) for stage in SHARED_STAGES}
    entries = {stage: entry for stage, entry in (shared | own).items() if entry is not None}
    if len(entries) < len(own) + len(shared) or not _is_chain(entries.values()):
        return None
    timings = {str(TRAINING / trial.name / name) for name in (METRICS, METRICS_LOG)}
    content = {stage: _strip(entry, timings) for stage, entry in entries.items() if stage in own}
    return Lineage(
        key=hash_content(content),
        stage_hashes={stage: hash_content(_strip(entry, set())) for stage, entry in entries.items()},
        params={key: value for entry in entries.values() for key, value in _list_params(entry).items()},
        outs={out["path"]: out["md5"] for entry in entries.values() for out in entry.get("outs", [])},
    )


def hash_content(content: Any) -> str:
    """Hash what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]


def describe_commit() -> dict[str, str]:
    """Name the Git commit that the working tree is at, and whether files differ from it, as MLflow tags.

    dvc.lock is left out: it is what a run writes. Outside a Git repository there is nothing to name.
    """
    commit = _ask_git("rev-parse", "HEAD")
    if commit is None:
        return {}
    changed = _ask_git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{LOCK_FILE}")
    return {"mlflow.source.git.commit": commit, "git_dirty": str(bool(changed)).lower()}


def _is_chain(entries: Iterable[dict[str, Any]]) -> bool:
    """Tell whether every stage read what the others last wrote: in the midst of a run some have and some have not."""
    entries = list(entries)
    written = {out["path"]: out.get("md5") for entry in entries for out in entry.get("outs", [])}
    read = [(dep["path"], dep.get("md5")) for entry in entries for dep in entry.get("deps", [])]
    return all(written.get(path, md5) == md5 for path, md5 in read)


def _strip(entry: dict[str, Any], without: set[str]) -> dict[str, Any]:
    """Keep of a stage's entry what identifies its content."""
    return {
        "cmd": entry.get("cmd"),
        "deps": {dep["path"]: dep.get("md5") for dep in entry.get("deps", [])},
        "params": _list_params(entry),
        "outs": {out["path"]: out.get("md5") for out in entry.get("outs", []) if out["path"] not in without},
    }


def _list_params(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for file in entry.get("params", {}).values() for key, value in file.items()}


def _ask_git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
