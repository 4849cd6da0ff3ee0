"""One trial's snapshots, and the images that each of its discriminators is looked at with."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from stages.common.artifacts import Trial, images_file, read_images, read_labels
from stages.common.compute import derive_seed
from stages.common.params import load_section
from stages.common.pixels import pixels_to_tensor
from stages.lipschitz.analysis import Row, analyse
from stages.lipschitz.params import LipschitzParams
from stages.networks.architectures import build_generator
from stages.networks.gan import Batch, Gan, load_gan_module
from stages.networks.generator import Generator
from stages.networks.params import NetworksParams
from stages.networks.snapshots import load_snapshot


def analyse_trial(trial: Trial, manifest: dict[str, Any], device: torch.device) -> Iterator[Row]:
    """Analyse every snapshot of a trial, in their order.

    Args:
        trial: the trial.
        manifest: of its models.
        device: where gradients are computed; singular values are on the CPU.

    Yields:
        For each snapshot its place in the training and what `analyse` returns.

    Raises:
        ParamsError: a section of params.yaml is wrong.
        ValueError: a snapshot or the prepared data is missing or damaged.
    """
    params = load_section(LipschitzParams, "lipschitz")
    image_shape = tuple(manifest["image_shape"])
    class_names = manifest.get("class_names")
    class_count = None if class_names is None else len(class_names)
    gan = build_gan(trial, image_shape, class_count).to(device)
    # As samples are drawn: a snapshot holds plain weights, whatever the training had put on them.
    networks = load_section(NetworksParams, "networks")
    generator = build_generator(image_shape, networks, class_count).to(device)
    real = choose_real(params.image_count, trial.seed, class_count).map(lambda part: part.to(device))
    for snapshot in manifest["snapshots"]:
        load_snapshot(generator, trial, snapshot["file"])
        load_snapshot(gan.discriminator, trial, snapshot["discriminator_file"])
        images = draw_images(generator, real, trial.seed)
        place = {key: snapshot[key] for key in ("generator_step", "discriminator_steps", "epoch")}
        seed = derive_seed(trial.seed, "lipschitz", "iterations")
        yield place | analyse(gan, images, params, seed, real.labels)


def build_gan(trial: Trial, image_shape: tuple[int, int, int], class_count: int | None) -> Gan:
    """Build a trial's networks, whose weights are yet to be loaded."""
    module = load_gan_module(trial.gan)
    networks = load_section(NetworksParams, "networks")
    options = load_section(module.Options, "options", trial.gan)
    gan: Gan = module.GAN(image_shape, networks, options, class_count or 1)
    return gan


def choose_real(count: int, seed: int, class_count: int | None) -> Batch:
    """Choose `count` real images by the trial's seed, the same for all GANs and settings; with labels if of classes.

    Raises:
        ValueError: there are fewer images than that.
    """
    images = read_images(images_file("train"), made_by="prepare")
    if len(images) < count:
        raise ValueError(
            f"lipschitz.image_count = {count}, but the train split has only {len(images)} images; lower it or raise "
            "prepare.train_limit"
        )
    random = torch.Generator().manual_seed(derive_seed(seed, "lipschitz", "real"))
    chosen = torch.randperm(len(images), generator=random)[:count].sort().values
    real = pixels_to_tensor(torch.from_numpy(images[chosen.numpy()]))
    if class_count is None:
        return Batch(real)
    labels = read_labels("train", len(images), class_count)
    return Batch(real, torch.from_numpy(labels[chosen.numpy()]))


@torch.no_grad()
def draw_images(generator: Generator, real: Batch, seed: int) -> dict[str, Tensor]:
    """Draw as many generated images as there are real ones, of their classes if any, and a point between each pair.

    The generator's batch norm uses the batch's statistics, as it did when the discriminator was trained. z and the
    places between are the same for all GANs, settings and snapshots of a seed. All are float [N, C, H, W] in [-1, 1].
    """
    random = torch.Generator().manual_seed(derive_seed(seed, "lipschitz", "z"))
    images, labels = real
    fake = generator.train()(generator.sample_z(len(images), random).to(images.device), labels)
    share = torch.rand(len(images), 1, 1, 1, generator=random).to(images.device)
    return {"real": images, "fake": fake, "interpolated": torch.lerp(images, fake, share)}
