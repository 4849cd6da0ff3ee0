"""The record of a checkpoint: the files that belong to it, with their hashes.

The record is written last, in one rename, which commits the checkpoint. Before a training resumes, every file is
checked against the record, so that a truncated or damaged file cannot lead to a wrong result.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from stages.common.artifacts import METRICS_LOG, TRAINING_LOCK, hash_file, sync_to_disk, write_json

RECORD = "checkpoint.json"


class Checkpoint(NamedTuple):
    """A checkpoint in a scratch folder.

    Attributes:
        generator_step: the number of finished generator steps.
        state: the name of the file with the training's state.
        sha256: the SHA-256 of the state and of all snapshots so far, by file name, in hexadecimal.
        log_bytes: the length of the log up to this step.
        log_sha256: the SHA-256 of the log's first `log_bytes` bytes, in hexadecimal.
    """

    generator_step: int
    state: str
    sha256: dict[str, str]
    log_bytes: int
    log_sha256: str


def state_name(generator_step: int) -> str:
    """Return the name of a state file in the scratch folder; a state is kept until the next one is committed."""
    return f"state_{generator_step:08d}.safetensors"


def commit_checkpoint(scratch: Path, checkpoint: Checkpoint) -> None:
    """Commit a checkpoint whose files have been written, and remove the states of other checkpoints."""
    sync_to_disk(scratch / METRICS_LOG)
    write_json(scratch / RECORD, checkpoint._asdict())
    for path in scratch.glob(state_name(0).replace("0" * 8, "*")):
        if path.name != checkpoint.state:
            path.unlink()


def open_checkpoint(name: str, scratch: Path) -> Checkpoint | None:
    """Read the checkpoint of a scratch folder, and check its files against the record.

    Args:
        name: the name of the trial, for the line that is printed.
        scratch: the folder.

    Returns:
        The checkpoint; None if there is none. If any file is missing or damaged, the folder is emptied, a line says
        why, and the result is None, too.
    """
    try:
        checkpoint = Checkpoint(**json.loads((scratch / RECORD).read_text(encoding="utf-8")))
        fault = _find_fault(scratch, checkpoint)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError) as error:
        fault = f"{RECORD} cannot be read: {error}"
    if fault is None:
        return checkpoint
    print(
        f"{name}: discarding a damaged checkpoint ({scratch / fault}); the training begins anew", flush=True
    )
    for path in scratch.iterdir():
        if path.name != TRAINING_LOCK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return None


def _find_fault(scratch: Path, checkpoint: Checkpoint) -> str | None:
    """Describe the first file that is missing or differs from the record; None if all files match."""
    files = {**checkpoint.sha256, METRICS_LOG: checkpoint.log_sha256}
    for name, expected in files.items():
        path = scratch / name
        if not path.is_file():
            return f"{name} is missing"
        found = hash_file(path) if name != METRICS_LOG else hash_start(path, checkpoint.log_bytes)
        if found != expected:
            return f"{name} is not as it was written"
    return None if checkpoint.state in checkpoint.sha256 else f"{checkpoint.state} has no hash"


def hash_start(path: Path, size: int) -> str:
    """Return the sha256, in hexadecimal, of a file's first `size` bytes."""
    with path.open("rb") as file:
        return hashlib.sha256(file.read(size)).hexdigest()
