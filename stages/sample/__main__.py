"""Generate images with every snapshot of one trial: models/<trial> -> samples/<trial> (uint8 arrays and grids).

`python -m stages.sample export --help` writes a snapshot as ONNX and torch.export instead.
"""

import sys

from torch import Tensor

from stages.common.artifacts import (
    INTERPOLATION,
    MANIFEST,
    MODELS,
    SAMPLES,
    grid_name,
    read_json,
    samples_name,
    write_array,
    write_json,
)
from stages.common.cli import parse_trial, run_command
from stages.common.compute import configure_compute
from stages.common.image_grid import write_grid
from stages.common.params import load_section
from stages.generators.noise import sample_fixed_z
from stages.networks.params import NetworksParams
from stages.sample.export_cli import export
from stages.sample.generation import assign_labels, generate_images, load_generator
from stages.sample.interpolation import interpolate_z
from stages.sample.params import SampleParams


def main() -> None:
    """Generate every snapshot's images from the same noise, so that the grids show how the same images develop."""
    trial = parse_trial(__doc__)
    params = load_section(SampleParams, "sample")
    networks = load_section(NetworksParams, "networks")
    manifest = read_json(MODELS / trial.name / MANIFEST, made_by=f"train@{trial.name}")
    folder, device = SAMPLES / trial.name, configure_compute()
    z = sample_fixed_z(params.sample_count, networks.z_dimension, trial.seed)
    interpolation_z = sample_interpolation_z(params, networks.z_dimension, trial.seed)
    classes = len(manifest["class_names"]) if "class_names" in manifest else None
    labels, interpolation_labels = assign_labels(len(z), classes), label_interpolation(params, classes)
    points: list[dict[str, object]] = []
    for snapshot in manifest["snapshots"]:
        step = snapshot["generator_step"]
        shape = tuple(manifest["image_shape"])
        generator = load_generator(trial, snapshot["file"], shape, networks, device, classes)
        images = generate_images(generator, z, device, labels)
        write_array(folder / samples_name(step), images)
        shown = images[: params.grid_rows * params.grid_columns]
        write_grid(folder / grid_name(step), shown, params.grid_rows, params.grid_columns)
        points.append({**_progress(snapshot), "images": samples_name(step), "grid": grid_name(step)})
        if snapshot is manifest["snapshots"][-1]:
            between = generate_images(generator, interpolation_z, device, interpolation_labels)
            write_grid(
                folder / INTERPOLATION, between, params.interpolation_rows, params.interpolation_columns
            )

    # Only a conditional GAN's manifest has class_names.
    kept = (
        "gan",
        "setting",
        "seed",
        "class_names",
        "evaluation_generator_steps",
        "diverged_at_generator_step",
    )
    record = {key: manifest[key] for key in kept if key in manifest} | {
        "sample_count": params.sample_count,
        "points": points,
        "interpolation": INTERPOLATION if points else None,
    }
    write_json(folder / MANIFEST, record)


def sample_interpolation_z(params: SampleParams, z_dimension: int, seed: int) -> Tensor:
    """Interpolate between the samples' noise vectors: the first and the second, the third and the fourth, and so on.

    Returns:
        float32 [rows * columns, z_dimension], row by row.
    """
    vectors = sample_fixed_z(2 * params.interpolation_rows, z_dimension, seed)
    return interpolate_z(vectors[::2], vectors[1::2], params.interpolation_columns)


def label_interpolation(params: SampleParams, class_count: int | None) -> Tensor | None:
    """Return the labels of the interpolations, int64 [rows * columns], row r with image r's class, or else None."""
    labels = assign_labels(params.interpolation_rows, class_count)
    return None if labels is None else labels.repeat_interleave(params.interpolation_columns)


def _progress(snapshot: dict[str, object]) -> dict[str, object]:
    return {key: snapshot[key] for key in ("generator_step", "discriminator_steps", "epoch")}


if __name__ == "__main__":
    run_command(export if sys.argv[1:2] == ["export"] else main)
