"""List the files of runs and models in the store, and log those that are missing or incomplete."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mlflow.entities import Run
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pipeline.tracking.store import Store


def list_files(store: Store, uri: str, folder: str = "") -> dict[str, int]:
    """List all files below an artifact URI, or below a folder in it: sizes in bytes by path.

    The list is empty if the place does not exist.

    Raises:
        MlflowException, OSError: the place cannot be reached.
        ImportError: the place needs a package that is not installed.
    """
    repository = get_artifact_repository(uri, tracking_uri=store.uri)
    sizes: dict[str, int] = {}
    folders = [folder]
    while folders:
        for found in repository.list_artifacts(folders.pop() or None):
            if found.is_dir:
                folders.append(found.path)
            else:
                sizes[found.path] = found.file_size or 0
    return sizes


def log_missing_files(store: Store, run: Run, files: Mapping[str, Path]) -> list[str]:
    """Log the files that a run lacks or has in another size.

    Args:
        store: the store of the run.
        run: the run.
        files: the files on disk by their artifact paths, each of which begins with a folder.

    Returns:
        The artifact paths of the files that were logged.
    """
    repository = get_artifact_repository(run.info.artifact_uri, tracking_uri=store.uri)
    found: dict[str, int] = {}
    for folder in sorted({path.partition("/")[0] for path in files}):
        found |= list_files(store, run.info.artifact_uri, folder)
    missing = [path for path, file in files.items() if found.get(path) != file.stat().st_size]
    for path in missing:
        if path in found:
            # A read-only file, such as a copy of one of DVC's outputs, cannot be overwritten and is deleted first.
            repository.delete_artifacts(path)
        store.client.log_artifact(run.info.run_id, str(files[path]), str(PurePosixPath(path).parent))
    return missing
