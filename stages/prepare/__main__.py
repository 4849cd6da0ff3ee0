"""Prepare the data set: its files -> data/prepared/ (uint8 images, labels) and data/manifest.json."""

from stages.common import artifacts
from stages.common.cli import run_command
from stages.common.extractor_name import ExtractorName
from stages.common.labels import check_learnable
from stages.prepare.manifest import make_manifest
from stages.prepare.params import PrepareParams
from stages.prepare.sources import load_dataset
from stages.prepare.writer import label_chosen, write_dataset


def main() -> None:
    """Read the data set that params.yaml names and write each split as arrays of images and labels."""
    params, extractor = PrepareParams.load(), ExtractorName.load()
    dataset = load_dataset(params.dataset, params.local_path())
    if extractor.name == "classifier":
        train_labels, test_labels = label_chosen(dataset, params.limits())
        check_learnable(train_labels, test_labels, dataset.class_names)
    written = write_dataset(dataset, params.image_size, params.limits())
    manifest = make_manifest(params.dataset, params.image_size, dataset, written)
    artifacts.write_json(artifacts.DATA_MANIFEST, manifest)


if __name__ == "__main__":
    run_command(main, __doc__)
