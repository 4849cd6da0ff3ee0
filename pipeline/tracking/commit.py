"""Describe the Git commit of the working tree as tags of a run; if there is none, a tag gives the reason."""

import os
import subprocess

from pipeline.tracking.lineage import LOCK_FILE

COMMIT = "mlflow.source.git.commit"
COMMIT_MISSING = "git_commit_missing"
# A Git repository that does not track this file is not this project's.
TRACKED_FILE = "dvc.yaml"
LONGEST_SECONDS = 60
UNTRUSTED = "dubious ownership"
REASONS = {
    "not a git repository": "this folder is no Git repository (it may be an unpacked archive)",
    "ambiguous argument 'HEAD'": "the Git repository has no commit yet",
    "did not match any file": f"the Git repository around this folder is another project's: it lacks {TRACKED_FILE}",
}


class CommitError(Exception):
    """There is no commit; the message gives the reason."""


def describe_commit() -> dict[str, str]:
    """Return MLflow tags with the Git commit and whether files differ from it, or with the reason if there is none.

    Changes of dvc.lock do not count, because every run writes it.
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
            # `git status` would lock the index to refresh it, which DVC may be writing into (core.autostage).
            ["git", "--no-optional-locks", *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            # Git's messages are compared below, so they must be in English.
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
            f"run `git config --global --add safe.directory '{os.getcwd()}'`"  # noqa: PTH109
        )
    known = [reason for text, reason in REASONS.items() if text in message]
    return known[0] if known else f"git failed: {' '.join(message.split())[:200]}"
