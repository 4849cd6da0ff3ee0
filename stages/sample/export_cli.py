"""Export a trial's generator: models/<trial> -> a folder with ONNX, torch.export and a model card.

`python -m stages.sample export --gan sngan --setting A --seed 0 --format both FOLDER`
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stages.common.artifacts import MANIFEST, MODELS, Trial, read_json, write_bytes
from stages.common.command_line import CommandParser
from stages.common.compute import ComputeParams, configure_compute
from stages.common.errors import InputError
from stages.common.file_tree import expand_user, show_path
from stages.common.grid import Grid
from stages.common.params import ParamsError, find_faults, load_section
from stages.generators.noise import sample_fixed_z
from stages.networks.params import NetworksParams
from stages.sample.export import (
    COMPARED_COUNT,
    FILES,
    check_packages,
    compute_outputs,
    convert,
    measure_difference,
)
from stages.sample.generation import assign_labels, load_generator
from stages.sample.model_card import CARD, write_card

BOTH = "both"


def export(words: Sequence[str] | None = None) -> None:
    """Export one snapshot, check the files against it on the same noise, and write a model card.

    Raises:
        InputError: there is no such trial or snapshot, a package is missing, or the folder cannot be written.
    """
    options = _parse(sys.argv[2:] if words is None else words)
    trial = Trial(options.gan, options.setting, options.seed)
    formats = list(FILES) if options.format == BOTH else [options.format]
    check_packages(formats)
    folder = expand_user(options.folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{show_path(folder)} is a file; name a folder to write into")
    networks = load_section(NetworksParams, "networks")
    device = configure_compute(
        load_section(ComputeParams, "compute").model_copy(update={"device": options.device})
    )
    manifest = read_json(MODELS / trial.name / MANIFEST, made_by=f"train@{trial.name}")
    snapshot = _choose_snapshot(manifest, options.point, trial)
    classes = len(manifest["class_names"]) if "class_names" in manifest else None
    shape = tuple(manifest["image_shape"])
    generator = load_generator(trial, snapshot["file"], shape, networks, torch.device("cpu"), classes)
    z = sample_fixed_z(COMPARED_COUNT, networks.z_dimension, trial.seed)
    labels = assign_labels(len(z), classes)
    inputs = (z,) if labels is None else (z, labels)
    # The files hold the weights on the CPU, wherever the snapshot was trained and is compared.
    contents = {file_format: convert(generator, file_format, inputs) for file_format in formats}
    expected = compute_outputs(generator, inputs, device)
    differences = {
        file_format: measure_difference(expected, file_format, content, inputs)
        for file_format, content in contents.items()
    }
    for file_format, content in contents.items():
        write_bytes(folder / FILES[file_format], content)
    write_card(folder, trial, snapshot, manifest, networks.z_dimension, differences)
    for file_format, difference in differences.items():
        print(
            f"{show_path(folder / FILES[file_format])}: maximum absolute difference from the snapshot {difference:.3g} "
            f"of outputs in [-1, 1], for {COMPARED_COUNT} noise vectors, on {device}"
        )
    print(f"{show_path(folder / CARD)}: the model card, torch {torch.__version__}")


def _choose_snapshot(manifest: dict[str, Any], point: int | None, trial: Trial) -> dict[str, Any]:
    snapshots: dict[int, dict[str, Any]] = {one["generator_step"]: one for one in manifest["snapshots"]}
    if not snapshots:
        raise InputError(f"{trial.name} diverged before its first snapshot, so there is nothing to export")
    step = max(snapshots) if point is None else point
    if step not in snapshots:
        raise InputError(
            f"--point {step}: {trial.name} has snapshots at generator steps {', '.join(map(str, sorted(snapshots)))}"
        )
    return snapshots[step]


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = CommandParser(__doc__, prog="python -m stages.sample export")
    parser.add_argument("--gan", required=True, help="a file of stages/gans/, such as sngan")
    parser.add_argument("--setting", required=True, help="a letter under `settings` in params.yaml")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument(
        "--point", type=int, metavar="N", help="the snapshot's generator step (default: the last one)"
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="cpu",
        help="where the snapshot computes what the files are compared with (default: cpu)",
    )
    parser.add_argument("--format", choices=(*FILES, BOTH), default=BOTH, help="(default: both)")
    parser.add_argument(
        "folder", metavar="FOLDER", help="is made, and gets the files and README.md, the model card"
    )
    options = parser.parse_args(words)
    make = partial(Grid, gans=[options.gan], settings_used=[options.setting], seeds=[options.seed])
    faults = find_faults(make, "")
    if faults:
        raise ParamsError(faults, Path("the command line"))
    return options
