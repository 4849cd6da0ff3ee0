"""Find the champion among the versions of the registered model, and check whether a version has a score and loads."""

import json
import math

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipeline.tracking.files import list_files
from pipeline.tracking.lineage import hash_content
from pipeline.tracking.store import Store

ALIAS = "champion"
WEIGHTS_TAG = "weights_sha256"
# A hash of the paths and sizes of the model's files.
FILES_TAG = "files_hash"
# Files that Python and MLflow add to the folder of a model when they load it.
FILES_ADDED_BY_MLFLOW = ("__pycache__", "registered_model_meta")
NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def find_champion(store: Store, name: str) -> ModelVersion | None:
    """Find the champion among the versions of a registered model; None if there is none."""
    try:
        return store.client.get_model_version_by_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code in NOT_FOUND:
            return None
        raise


def list_versions(store: Store, name: str) -> list[ModelVersion]:
    """List the versions of a registered model; empty if the model does not exist."""
    return list(store.client.search_model_versions(f"name = '{name}'"))


def find_trouble(store: Store, version: ModelVersion) -> str | None:
    """Say why a version cannot be the champion, as a predicate that follows its name; None if it can be."""
    tags = version.tags
    try:
        has_score = isinstance(json.loads(tags["protocol"]), dict) and math.isfinite(float(tags["fid"]))
    except (KeyError, ValueError):
        has_score = False
    if not has_score or WEIGHTS_TAG not in tags or FILES_TAG not in tags:
        return "lacks the tags that a sync gives to a version, so it has no score to compare (give it another alias)"
    if hash_files(store, version.source) != tags[FILES_TAG]:
        return "does not load: some of its files are missing or incomplete"
    return None


def hash_files(store: Store, source: str | None) -> str:
    """Hash the paths and sizes of the files of a model; "" if they cannot be listed.

    Files that are added when a model is loaded from the store's own folder do not count.
    """
    try:
        files = list_files(store, source or "")
    except (MlflowException, OSError, ImportError):
        return ""
    return hash_content(
        sorted(file for file in files.items() if not set(FILES_ADDED_BY_MLFLOW) & set(file[0].split("/")))
    )
