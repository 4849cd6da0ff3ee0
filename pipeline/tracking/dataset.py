"""Describe the data set for MLflow, and name the experiment and the registered model after it."""

import json
from typing import Any

from mlflow.entities import Dataset

from stages.common.artifacts import DATA_MANIFEST, read_json
from stages.common.errors import InputError
from stages.common.extractor_name import ExtractorName

DIGEST_LENGTH = 32  # MLflow stores at most 36 characters.
NAME_DIGEST_LENGTH = 8
DATASET_TAG = "dataset_sha256"


def describe_dataset() -> Dataset:
    """Describe the prepared data set; its digest is the first 32 digits of the SHA-256 of its content.

    Raises:
        InputError: the data set's manifest is missing or of an older version.
    """
    manifest = read_manifest()
    train, homepage = manifest["splits"]["train"], manifest.get("homepage")
    keys = ("licence", "source", "division", "class_names", "channels", "image_size")
    profile = {key: manifest[key] for key in keys if key in manifest}
    profile |= {f"{name}_images": split["count"] for name, split in manifest["splits"].items()}
    schema = {
        "features": _tensor_spec("uint8", [-1, *train["shape"][1:]]),
        "targets": _tensor_spec("int64", [-1]),
    }
    return Dataset(
        name=manifest["dataset"],
        digest=manifest["sha256"][:DIGEST_LENGTH],
        source_type="http" if homepage else "local",
        source=json.dumps({"url": homepage} if homepage else {"uri": manifest["source"]["location"]}),
        schema=json.dumps({"mlflow_tensorspec": schema}),
        profile=json.dumps(profile),
    )


def name_experiment() -> str:
    """Name the experiment after the properties that comparable scores share, such as `fashion_mnist 28x28, classifier`.

    If the images are not a whole published data set, the name also has a hash of their content, such as
    `image_folder 1a2b3c4d 28x28, classifier`.

    Raises:
        InputError: the data set's manifest is missing or of an older version.
    """
    dataset, size, extractor = _read_identity()
    return f"{dataset} {size}x{size}, {extractor}"


def name_model() -> str:
    """Name the registered model, such as `fashion_mnist-28-classifier` or `image_folder-1a2b3c4d-28-classifier`.

    Raises:
        InputError: the data set's manifest is missing or of an older version.
    """
    dataset, size, extractor = _read_identity()
    return f"{dataset.replace(' ', '-')}-{size}-{extractor}"


def read_manifest() -> dict[str, Any]:
    """Read the data set's manifest.

    Raises:
        InputError: the manifest is missing or of an older version.
    """
    manifest: dict[str, Any] = read_json(DATA_MANIFEST, "prepare")
    if "sha256" not in manifest:
        raise InputError(f"{DATA_MANIFEST} is of an older version; make it anew: `dvc repro prepare`")
    return manifest


def _read_identity() -> tuple[str, int, str]:
    """Read the data set's name, its image size in pixels and the extractor's name."""
    manifest = read_manifest()
    digest = "" if manifest["is_published"] else f" {manifest['sha256'][:NAME_DIGEST_LENGTH]}"
    return (
        f"{manifest['dataset']}{digest}",
        manifest["image_size"],
        ExtractorName.load().name,
    )


def _tensor_spec(dtype: str, shape: list[int]) -> str:
    return json.dumps([{"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}])
