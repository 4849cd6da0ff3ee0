"""The manifest of a prepared data set: its name, source, processing and checksums."""

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

    Args:
        name: the data set's name in params.yaml.
        image_size: side of the written images, in pixels.
        dataset: the data set that was read.
        written: facts of the files that were written, by split.
    """
    is_resized = any(split.resized_count for split in written.values())
    return {
        "dataset": name,
        "homepage": DATASETS[name].homepage,
        "licence": DATASETS[name].licence,
        "source": dataset.source._asdict(),
        "class_names": dataset.class_names,
        "image_size": image_size,
        "channels": dataset.channels,
        "division": dataset.division,
        "resize_filter": FILTER_NAME if is_resized else None,
        "pillow": PIL.__version__,
        "splits": {split: _describe_split(split, content, dataset) for split, content in written.items()},
    }


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
