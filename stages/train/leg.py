"""Train one leg: set up, resume, train, and hand over the finished files."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from stages.common.artifacts import FINAL_STATE, METRICS_LOG, Leg, images_file, read_images, snapshot_name
from stages.common.compute import derive_seed, describe_compute
from stages.common.params import load_section
from stages.networks.gan import Gan, load_gan_module
from stages.networks.params import NetworksParams
from stages.train.batches import Batches
from stages.train.log import TrainingLog
from stages.train.loop import train_gan
from stages.train.params import Setting, TrainParams
from stages.train.progress import Progress
from stages.train.scratch import hash_files, list_sources, open_scratch
from stages.train.training import Training, write_tensors


class TrainedLeg(NamedTuple):
    """A finished, or diverged, training and the folder with its files."""

    leg: Leg
    training: Training
    params: TrainParams
    batches: Batches
    scratch: Path


def train_leg(leg: Leg, device: torch.device) -> TrainedLeg:
    """Train `leg` from where its scratch folder stands.

    Raises:
        ParamsError: a section of params.yaml is wrong.
        ValueError: the GAN is unknown, or the prepared data is missing or damaged.
    """
    module = load_gan_module(leg.gan)
    networks = load_section(NetworksParams, "networks")
    options = load_section(module.Options, "options", leg.gan)
    params = load_section(TrainParams, "train")
    setting = load_section(Setting, "settings", leg.setting)
    images = torch.tensor(read_images(images_file("train"), made_by="prepare"))
    batches = Batches(images.to(device), params.batch_size, leg.seed)

    torch.manual_seed(derive_seed(leg.seed, "weights"))
    gan: Gan = module.GAN(tuple(images.shape[1:]), networks, options)
    training = Training(gan, setting, leg.seed, device, params.ema_decay)
    depends_on: dict[str, Any] = {
        "leg": leg.name,
        "params": [section.model_dump() for section in (networks, options, params, setting)],
        "compute": describe_compute(device),
        "code": hash_files(list_sources(leg.gan)),
        "images": hash_files([images_file("train")]),
    }
    trained = TrainedLeg(leg, training, params, batches, open_scratch(leg, depends_on))
    _run(trained)
    return trained


def _run(trained: TrainedLeg) -> None:
    """Train from the scratch folder's state, if there is one, to the end."""
    leg, training, params, batches, scratch = trained
    state = scratch / FINAL_STATE
    if state.exists():
        training.load(state)
        print(f"{leg.name}: resuming after generator step {training.generator_step}", flush=True)
    log = TrainingLog(scratch / METRICS_LOG, params.batch_size, training.generator_step)
    progress = Progress(leg.name, params.generator_steps, training.generator_step)
    train_gan(
        training,
        batches,
        params,
        log,
        save_checkpoint=lambda: training.save(state),
        save_snapshot=lambda: write_tensors(
            scratch / snapshot_name(training.generator_step), training.snapshot()
        ),
        show_progress=lambda: progress.show(training.generator_step, log.last_row),
    )
    progress.close()
    diverged_at = training.diverged_at()
    if diverged_at is not None:
        print(
            f"{leg.name}: the loss is no longer a finite number at generator step {diverged_at}", flush=True
        )
