"""The files of runs and models in the store: which there are, and adding those that are missing or cut."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mlflow.entities import Run
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pipeline.tracking.store import Store


def list_files(store: Store, uri: str, folder: str = "") -> dict[str, int]:
    """List all files below an artifact URI, or below a folder in it: sizes in bytes by path; none if it is gone.

    Raises:
        MlflowException, OSError: the place cannot be reached.
        ImportError: it needs a package that is not installed.
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
        store: the run's.
        run: the run.
        files: the files on disk, by their artifact paths, all of which lie in folders.

    Returns:
        The artifact paths of those that were logged.
    """
    repository = get_artifact_repository(run.info.artifact_uri, tracking_uri=store.uri)
    found: dict[str, int] = {}
    for folder in sorted({path.partition("/")[0] for path in files}):
        found |= list_files(store, run.info.artifact_uri, folder)
    missing = [path for path, file in files.items() if found.get(path) != file.stat().st_size]
    for path in missing:
        if path in found:
            # A file that is read-only, as DVC leaves its own, is not written over.
            repository.delete_artifacts(path)
        store.client.log_artifact(run.info.run_id, str(files[path]), str(PurePosixPath(path).parent))
    return missing
