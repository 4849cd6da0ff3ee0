"""Train one trial: read its inputs, resume from its scratch folder if possible, and train to the end."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch

from stages.common.artifacts import (
    Trial,
    discriminator_name,
    hash_file,
    images_file,
    labels_file,
    read_class_names,
    read_images,
    read_labels,
    snapshot_name,
)
from stages.common.compute import ComputeParams, derive_seed, describe_compute
from stages.common.params import load_section
from stages.networks.distributed import get_rank, get_world_size
from stages.networks.gan import Gan, load_gan_module
from stages.networks.params import NetworksParams
from stages.train.checkpoint import load_checkpoint, save_checkpoint, write_snapshot, write_tensors
from stages.train.data import Batches, open_batches
from stages.train.distributed import describe_processes, main_process_first
from stages.train.log import FLUSH_SECONDS, TrainingLog
from stages.train.loop import make_steps, train_gan
from stages.train.params import Setting, TrainParams
from stages.train.progress import Progress
from stages.train.record import Checkpoint, commit_checkpoint, open_checkpoint, state_name
from stages.train.scratch import hash_files, list_sources, open_scratch
from stages.train.state import TrainState


class TrainedTrial(NamedTuple):
    """A training that has finished or diverged.

    Attributes:
        trial: the trial.
        state: the networks and counters at the end.
        params: the section `train` of params.yaml.
        batches: the batches that it was trained on.
        class_names: the names of a conditional GAN's classes; None for any other.
        scratch: the folder with the finished files.
        checkpoint: the last checkpoint there; None if the training ended before the first.
    """

    trial: Trial
    state: TrainState
    params: TrainParams
    batches: Batches
    class_names: list[str] | None
    scratch: Path
    checkpoint: Checkpoint | None


def train_trial(trial: Trial, device: torch.device) -> TrainedTrial:
    """Train `trial` from the checkpoint in its scratch folder, or from the start where there is none.

    Raises:
        ParamsError: a section of params.yaml is wrong.
        InputError: the GAN is unknown, or the prepared data is missing or damaged.
    """
    module = load_gan_module(trial.gan)
    networks = load_section(NetworksParams, "networks")
    options = load_section(module.Options, "options", trial.gan)
    params = load_section(TrainParams, "train")
    setting = load_section(Setting, "settings", trial.setting)
    setting = setting.override_discriminator_steps(options.discriminator_steps)
    location = load_section(ComputeParams, "compute").images
    images = read_images(images_file("train"), made_by="prepare")
    # Only a conditional GAN needs the class names and depends on them.
    class_names = read_class_names() if module.GAN.is_conditional else None
    labels = read_labels("train", len(images), len(class_names)) if class_names else None
    batches = open_batches(
        images, params.batch_size, trial.seed, params.memory_format, location, device, labels
    )

    torch.manual_seed(derive_seed(trial.seed, "weights"))
    gan: Gan = module.GAN(tuple(images.shape[1:]), networks, options, len(class_names or [""]))
    state = TrainState(gan, setting, params, trial.seed, device)
    depends_on: dict[str, Any] = {
        "trial": trial.name,
        "params": [section.model_dump() for section in (networks, options, params, setting)],
        "compute": describe_compute(device) | describe_processes(),
        "code": hash_files(list_sources(trial.gan)),
        "images": hash_files([images_file("train")]),
        "labels": hash_files([labels_file("train")]) if class_names else None,
    }
    with main_process_first():
        scratch = open_scratch(trial, depends_on)
        checkpoint = open_checkpoint(trial.name, scratch)
    return _run(TrainedTrial(trial, state, params, batches, class_names, scratch, checkpoint))


def _run(trained: TrainedTrial) -> TrainedTrial:
    """Train to the end, from the checkpoint in the scratch folder if there is one."""
    trial, state, params, batches, _, scratch, checkpoint = trained
    if checkpoint is not None:
        load_checkpoint(state, scratch / checkpoint.state)
        print(f"{trial.name}: resuming after generator step {state.generator_step}", flush=True)
    # Processes that train together must read the losses at the same step, which a clock would not ensure.
    is_main, is_alone = get_rank() == 0, get_world_size() == 1
    log = TrainingLog(
        scratch if is_main else None,
        params.batch_size,
        checkpoint,
        flush_seconds=FLUSH_SECONDS if is_alone else math.inf,
    )
    checkpoints = Checkpoints(state, scratch, checkpoint)
    progress = Progress(trial.name, params.generator_steps, state.generator_step)
    train_gan(
        make_steps(state, batches, params),
        params,
        log,
        save_checkpoint=lambda: checkpoints.save(log) if is_main else None,
        save_snapshot=lambda: checkpoints.save_snapshots() if is_main else None,
        show_progress=lambda: progress.show(state.generator_step, log.last_row) if is_main else None,
    )
    progress.close()
    diverged_at = state.diverged_at()
    if diverged_at is not None:
        print(
            f"{trial.name}: the loss is no longer a finite number at generator step {diverged_at}", flush=True
        )
    return trained._replace(checkpoint=checkpoints.last)


class Checkpoints:
    """A writer of a training's snapshots and checkpoints to its scratch folder.

    Attributes:
        last: the last checkpoint, from which the training would resume; None before the first.
    """

    def __init__(self, state: TrainState, scratch: Path, resumed: Checkpoint | None) -> None:
        self.last = resumed
        self._state = state
        self._scratch = scratch
        known = resumed.sha256 if resumed else {}
        self._snapshots = {
            name: sha256 for name, sha256 in known.items() if resumed and name != resumed.state
        }

    def save_snapshots(self) -> None:
        """Write snapshots of the generator, for sampling, and of the discriminator, for the stage `lipschitz`."""
        step = self._state.generator_step
        write_tensors(self._scratch / snapshot_name(step), self._state.generator_tensors())
        write_snapshot(self._scratch / discriminator_name(step), self._state.gan.discriminator)
        for name in (snapshot_name(step), discriminator_name(step)):
            self._snapshots[name] = hash_file(self._scratch / name)

    def save(self, log: TrainingLog) -> None:
        """Write the state, and commit it together with the snapshots and the log so far."""
        step = self._state.generator_step
        path = self._scratch / state_name(step)
        save_checkpoint(self._state, path)
        sha256 = self._snapshots | {path.name: hash_file(path)}
        self.last = Checkpoint(step, path.name, sha256, log.size, log.sha256)
        commit_checkpoint(self._scratch, self.last)
