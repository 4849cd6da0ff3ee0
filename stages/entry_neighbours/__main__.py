"""Find the nearest training images of an entry's images: results/evaluate/entry-<name>/samples -> .../neighbours."""

from stages.common.artifacts import (
    NEIGHBOURS,
    NEIGHBOURS_RECORD,
    SAMPLES,
    entry_folder,
    read_images,
    write_json,
)
from stages.common.cli import parse_entry, run_command
from stages.common.errors import InputError
from stages.common.params import load_section
from stages.nearest.comparison import compare_with_training
from stages.nearest.params import NeighboursParams


def main() -> None:
    """Search for the first images of each file of the entry, as `neighbours` does for each trial's last snapshot."""
    name = parse_entry(__doc__)
    params = load_section(NeighboursParams, "neighbours")
    folder, made_by = entry_folder(name) / SAMPLES.name, f"entry@{name}"
    files = sorted(folder.glob("*.npy"))
    if not files:
        raise InputError(f"{folder} holds no images; make them with `dvc repro {made_by}`")
    samples = {f"seed_{seed}": read_images(file, made_by) for seed, file in enumerate(files)}
    target = entry_folder(name) / NEIGHBOURS.name
    write_json(target / NEIGHBOURS_RECORD, compare_with_training(samples, "seeds", params, target))


if __name__ == "__main__":
    run_command(main)
