"""Write the outputs of a finished training to models/ and results/ from its scratch folder."""

from typing import Any

from torch import nn

from stages.common.artifacts import (
    FINAL_STATE,
    LOSS_CURVES,
    MANIFEST,
    METRICS,
    METRICS_LOG,
    MODELS,
    TIMINGS_LOG,
    TRAINING,
    discriminator_name,
    snapshot_name,
    timings_file,
    write_bytes,
    write_json,
)
from stages.common.compute import describe_compute
from stages.train.distributed import describe_processes
from stages.train.log import read_rows, write_loss_curves
from stages.train.scratch import publish
from stages.train.trial import TrainedTrial


def export_outputs(trained: TrainedTrial) -> None:
    """Write models/<trial> and results/train/<trial>, each in one rename, so that a half-written folder is never seen.

    The times go to `timings_file`, which is not tracked. The scratch folder stays: if DVC cannot store the outputs, for
    example because the disk is full, nothing has to be trained again.
    """
    trial, scratch = trained.trial, trained.scratch
    manifest = build_model_manifest(trained)
    write_json(scratch / MANIFEST, manifest)
    names = [snapshot[key] for key in ("file", "discriminator_file") for snapshot in manifest["snapshots"]]
    files = {name: scratch / name for name in (MANIFEST, *names)}
    if trained.checkpoint is not None:
        files[FINAL_STATE] = scratch / trained.checkpoint.state
    publish(files, MODELS / trial.name)

    rows = read_rows(scratch / METRICS_LOG)
    write_loss_curves(scratch / LOSS_CURVES, rows)
    write_json(scratch / METRICS, summarise_training(trained, rows))
    publish({name: scratch / name for name in (METRICS_LOG, LOSS_CURVES, METRICS)}, TRAINING / trial.name)
    write_bytes(timings_file(trial), (scratch / TIMINGS_LOG).read_bytes())


def build_model_manifest(trained: TrainedTrial) -> dict[str, Any]:
    """Describe the trial's model folder: its snapshots, the planned ones, and the step of a divergence."""
    trial, state, params, batches, class_names, _, _ = trained
    planned = params.evaluation_generator_steps()
    diverged_at = state.diverged_at()
    return {
        **trial._asdict(),
        "image_shape": list(batches.images.shape[1:]),
        **({} if class_names is None else {"class_names": class_names}),
        "evaluation_generator_steps": planned,
        "snapshots": [
            {
                "generator_step": step,
                "discriminator_steps": step * state.setting.discriminator_steps,
                "epoch": _to_epoch(trained, step),
                "file": snapshot_name(step),
                "discriminator_file": discriminator_name(step),
            }
            for step in planned
            if diverged_at is None or step < diverged_at
        ],
        "diverged_at_generator_step": diverged_at,
    }


def summarise_training(trained: TrainedTrial, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise the training in a flat mapping of numbers and strings, for `dvc metrics` and the report."""
    state, gan = trained.state, trained.state.gan
    last = rows[-1] if rows else {}
    diverged_at = state.diverged_at()
    summary = {
        "generator_steps": last.get("generator_step", 0),
        "discriminator_steps": last.get("discriminator_steps", 0),
        "epochs": _to_epoch(trained, last.get("generator_step", 0)),
        "generator_parameters": _count_parameters(gan.generator),
        "discriminator_parameters": _count_parameters(gan.discriminator),
        "discriminator_loss": last.get("discriminator_loss"),
        "generator_loss": last.get("generator_loss"),
        "diverged_at_generator_step": diverged_at,
        **describe_compute(state.device),
        **describe_processes(),
    }
    # DVC compares only numbers, so a key without a number is left out.
    return {key: value for key, value in summary.items() if value is not None}


def _to_epoch(trained: TrainedTrial, generator_step: int) -> float:
    steps = generator_step * trained.state.setting.discriminator_steps
    return round(steps / trained.batches.batches_per_epoch, 6)


def _count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
