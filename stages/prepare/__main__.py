"""Prepare a named data set: its source -> data/prepared/ (uint8 images, labels) and data/manifest.json."""

from stages.common import artifacts
from stages.common.cli import run_stage
from stages.prepare.manifest import describe
from stages.prepare.params import PrepareParams
from stages.prepare.sources import load_dataset
from stages.prepare.writing import write_dataset


def main() -> None:
    """Read the data set named in params.yaml and write it as one array file a split."""
    params = PrepareParams.load()
    dataset = load_dataset(params.dataset, params.local_path())
    written = write_dataset(dataset, params.image_size, params.limits())
    artifacts.write_json(
        artifacts.DATA_MANIFEST, describe(params.dataset, params.image_size, dataset, written)
    )


if __name__ == "__main__":
    run_stage(main)
