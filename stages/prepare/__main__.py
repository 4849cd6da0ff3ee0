"""Prepare the data set: its source -> data/prepared/ (uint8 images, labels) and data/manifest.json."""

from stages.common import artifacts
from stages.common.cli import run_command
from stages.prepare.manifest import make_manifest
from stages.prepare.params import PrepareParams
from stages.prepare.sources import load_dataset
from stages.prepare.writer import write_dataset


def main() -> None:
    """Read the data set that params.yaml names and write each split as arrays of images and labels."""
    params = PrepareParams.load()
    dataset = load_dataset(params.dataset, params.local_path())
    written = write_dataset(dataset, params.image_size, params.limits())
    manifest = make_manifest(params.dataset, params.image_size, dataset, written)
    artifacts.write_json(artifacts.DATA_MANIFEST, manifest)


if __name__ == "__main__":
    run_command(main)
