"""The manifest of a prepared data set: its name, source, processing and checksums."""

import hashlib
import json
from typing import Any

import numpy as np
import PIL

from stages.common import artifacts
from stages.common.image_files import FILTER_NAME
from stages.prepare.dataset import Dataset
from stages.prepare.params import DATASETS
from stages.prepare.writer import WrittenSplit


def make_manifest(
    name: str, image_size: int, dataset: Dataset, written: dict[str, WrittenSplit]
) -> dict[str, Any]:
    """Make the manifest of a data set whose files have been written.

    Its `sha256` identifies the prepared data. Its `is_published` says whether the data is a complete published data
    set, which its name and image size then identify as well.

    Args:
        name: the data set's name in params.yaml.
        image_size: side of the written images, in pixels.
        dataset: the data set that was read.
        written: facts about the written files, by split.
    """
    is_resized = any(split.resized_count for split in written.values())
    splits = {split: _describe_split(split, content, dataset) for split, content in written.items()}
    published = {"train": DATASETS[name].train_count, "test": DATASETS[name].test_count}
    is_whole = all(content["count"] == published[split] for split, content in splits.items())
    return {
        "dataset": name,
        "is_published": dataset.source.is_published and is_whole,
        "sha256": _hash_content(dataset.class_names, splits),
        "homepage": DATASETS[name].homepage,
        "licence": DATASETS[name].licence,
        "source": dataset.source._asdict(),
        "class_names": dataset.class_names,
        "image_size": image_size,
        "channels": dataset.channels,
        "division": dataset.division,
        "resize_filter": FILTER_NAME if is_resized else None,
        "pillow": PIL.__version__,
        "splits": splits,
    }


def _hash_content(class_names: list[str], splits: dict[str, dict[str, Any]]) -> str:
    """Identify the prepared data set by its class names, images and labels, wherever they came from."""
    content = [class_names, {split: described["sha256"] for split, described in splits.items()}]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _describe_split(split: str, content: WrittenSplit, dataset: Dataset) -> dict[str, Any]:
    counts = np.bincount(content.labels, minlength=len(dataset.class_names)).tolist()
    files = (artifacts.images_file(split), artifacts.labels_file(split))
    return {
        "count": len(content.labels),
        "count_by_class": dict(zip(dataset.class_names, counts, strict=True)),
        "shape": list(content.shape),
        "resized_count": content.resized_count,
        "sha256": {path.name: artifacts.hash_file(path) for path in files},
    }
