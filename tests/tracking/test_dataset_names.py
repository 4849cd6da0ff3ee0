"""The names of MLflow's experiment and model, which depend on the data set, and the data set's digest."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from pipeline.tracking.dataset import describe_dataset, name_experiment, name_model
from pipeline.tracking.pyfunc_model import read_weights
from stages.common.artifacts import DATA_MANIFEST, hash_file, write_json


def write_data_set(tmp_path: Path, **changes: Any) -> None:
    split = {"count": 40, "shape": [40, 1, 28, 28]}
    manifest = {"dataset": "image_folder", "image_size": 28, "is_published": False, "sha256": "ab12cd34" * 8}
    manifest |= {
        "splits": {"train": split, "test": split},
        "source": {"location": "pictures"},
        "homepage": None,
    }
    write_json(DATA_MANIFEST, manifest | changes)
    Path("params.yaml").write_text(yaml.safe_dump({"extractor": {"name": "classifier"}}))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "experiment", "model"),
    [
        ({}, "image_folder ab12cd34 28x28, classifier", "image_folder-ab12cd34-28-classifier"),
        (
            {"sha256": "ff" * 32},
            "image_folder ffffffff 28x28, classifier",
            "image_folder-ffffffff-28-classifier",
        ),
        (
            {"dataset": "fashion_mnist", "is_published": True},
            "fashion_mnist 28x28, classifier",
            "fashion_mnist-28-classifier",
        ),
        # The images are a part of a published data set.
        ({"dataset": "mnist"}, "mnist ab12cd34 28x28, classifier", "mnist-ab12cd34-28-classifier"),
    ],
)
def test_only_a_published_data_set_is_known_by_its_name_alone(
    folder: Path, changes: dict[str, Any], experiment: str, model: str
) -> None:
    write_data_set(folder, **changes)
    assert (name_experiment(), name_model()) == (experiment, model)


def test_the_digest_is_that_of_the_whole_content(folder: Path) -> None:
    write_data_set(folder)
    assert describe_dataset().digest == "ab12cd34" * 4


def test_a_manifest_of_an_older_version_is_told(folder: Path) -> None:
    write_data_set(folder)
    write_json(DATA_MANIFEST, {"dataset": "digits", "image_size": 8})
    with pytest.raises(ValueError, match="manifest.json is of an older version; .*`dvc repro prepare`"):
        name_experiment()


@pytest.mark.parametrize("damage", ["a byte", "its end", "nothing left"])
def test_a_models_weights_are_compared_with_their_checksum(damage: str) -> None:
    path = Path("weights.safetensors")
    path.write_bytes(b"the weights")
    sha256 = hash_file(path)
    context = cast(Any, SimpleNamespace(artifacts={"weights": str(path)}))
    assert read_weights(context, sha256) == b"the weights"
    path.write_bytes({"a byte": b"the weighed", "its end": b"the weight", "nothing left": b""}[damage])
    with pytest.raises(ValueError, match="the model's weights have the sha256 .*, but were saved with"):
        read_weights(context, sha256)
