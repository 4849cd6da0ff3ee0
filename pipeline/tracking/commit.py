"""The Git commit of the working tree as tags of a run; where there is none, a tag says why."""

import os
import subprocess

from pipeline.tracking.lineage import LOCK_FILE

COMMIT = "mlflow.source.git.commit"
COMMIT_MISSING = "git_commit_missing"
# What a repository of the project holds under version control.
TRACKED_FILE = "dvc.yaml"
LONGEST_SECONDS = 60
UNTRUSTED = "dubious ownership"
REASONS = {
    "not a git repository": "this folder is no Git repository, as an unpacked archive is none",
    "ambiguous argument 'HEAD'": "the Git repository has no commit yet",
    "did not match any file": f"{TRACKED_FILE} is not in the Git repository around this folder, which is another one",
}


class CommitError(Exception):
    """There is no commit; says why."""


def describe_commit() -> dict[str, str]:
    """Return MLflow tags with the Git commit and whether files differ from it, or with the reason why there is none.

    dvc.lock is not compared, because every run writes it.
    """
    try:
        commit = _call_git("rev-parse", "HEAD")
        _call_git("ls-files", "--error-unmatch", TRACKED_FILE)
        changed = _call_git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{LOCK_FILE}")
    except CommitError as error:
        return {COMMIT_MISSING: str(error)}
    return {COMMIT: commit, "git_dirty": str(bool(changed)).lower()}


def _call_git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            # Git says why in the user's language otherwise.
            env=os.environ | {"LC_ALL": "C", "LANGUAGE": "C"},
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise CommitError("git is not installed") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise CommitError(f"git failed: {error}") from None
    if done.returncode != 0:
        raise CommitError(_explain(done.stderr))
    return done.stdout.strip()


def _explain(message: str) -> str:
    if UNTRUSTED in message:
        return (
            "git does not trust this repository, which belongs to another user; "
            f"`git config --global --add safe.directory '{os.getcwd()}'` lets it"  # noqa: PTH109
        )
    known = [reason for text, reason in REASONS.items() if text in message]
    return known[0] if known else f"git failed: {' '.join(message.split())[:200]}"
