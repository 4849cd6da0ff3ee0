"""The data set as MLflow shows it, and the experiment that it and the extractor make."""

import json
from typing import NamedTuple

from stages.common.artifacts import DATA_MANIFEST, read_json
from stages.common.params import read_params

DIGEST_LENGTH = 32  # MLflow keeps 36 characters


class DatasetDescription(NamedTuple):
    """The fields of an MLflow data set."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str


def describe_dataset() -> DatasetDescription:
    """Describe the prepared data; its digest is of the training images' SHA-256.

    Raises:
        ValueError: the data set's manifest is missing.
    """
    manifest = read_json(DATA_MANIFEST, "prepare")
    train = manifest["splits"]["train"]
    keys = ("licence", "source", "division", "class_names", "channels", "image_size")
    profile = {key: manifest[key] for key in keys if key in manifest}
    profile |= {f"{name}_images": split["count"] for name, split in manifest["splits"].items()}
    schema = {
        "mlflow_tensorspec": {
            "features": _tensor("uint8", [-1, *train["shape"][1:]]),
            "targets": _tensor("int64", [-1]),
        }
    }
    return DatasetDescription(
        name=manifest["dataset"],
        digest=train["sha256"]["train_images.npy"][:DIGEST_LENGTH],
        source_type="http" if manifest.get("homepage") else "local",
        source=json.dumps(
            {"url": manifest["homepage"]}
            if manifest.get("homepage")
            else {"uri": manifest["source"]["location"]}
        ),
        schema=json.dumps(schema),
        profile=json.dumps(profile),
    )


def name_experiment() -> str:
    """Name what the scores of which may stand side by side: `fashion_mnist 28x28, classifier`.

    Raises:
        ValueError: the data set's manifest is missing.
    """
    dataset, size, extractor = _identify()
    return f"{dataset} {size}x{size}, {extractor}"


def name_model() -> str:
    """Name the registered model of the experiment: `fashion_mnist-28-classifier`."""
    return "-".join(map(str, _identify()))


def _identify() -> tuple[str, int, str]:
    """Return the data set, its image size and the extractor: what scores must share to be compared."""
    manifest = read_json(DATA_MANIFEST, "prepare")
    return manifest["dataset"], manifest["image_size"], read_params()["extractor"]["name"]


def _tensor(dtype: str, shape: list[int]) -> str:
    return json.dumps([{"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}])
