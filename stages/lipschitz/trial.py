"""Load the snapshots of a trial and the images at which each discriminator is analysed."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from stages.common.artifacts import Trial, images_file, read_images, read_labels
from stages.common.compute import derive_seed
from stages.common.errors import InputError
from stages.common.params import load_section
from stages.common.pixels import pixels_to_tensor
from stages.lipschitz.analysis import Row, analyse_discriminator
from stages.lipschitz.params import LipschitzParams
from stages.networks.architectures import build_generator
from stages.networks.gan import Batch, Gan, load_gan_module
from stages.networks.generator import Generator
from stages.networks.params import NetworksParams
from stages.networks.snapshots import load_snapshot


def analyse_trial(trial: Trial, manifest: dict[str, Any], device: torch.device) -> Iterator[Row]:
    """Analyse every snapshot of a trial in the order of training.

    Args:
        trial: the trial.
        manifest: the manifest of the trial's models.
        device: the device that computes gradients; singular values are computed on the CPU.

    Yields:
        For each snapshot, its steps and its epoch with the row of `analyse_discriminator`.

    Raises:
        ParamsError: a section of params.yaml is wrong.
        InputError: a snapshot or the prepared data is missing or damaged.
    """
    params = load_section(LipschitzParams, "lipschitz")
    image_shape = tuple(manifest["image_shape"])
    class_names = manifest.get("class_names")
    class_count = None if class_names is None else len(class_names)
    gan = build_gan(trial, image_shape, class_count).to(device)
    # A snapshot of a generator holds plain weights, but the GAN's own generator may have parametrizations.
    networks = load_section(NetworksParams, "networks")
    generator = build_generator(image_shape, networks, class_count).to(device)
    real = sample_real(params.image_count, trial.seed, class_count).map(lambda tensor: tensor.to(device))
    for snapshot in manifest["snapshots"]:
        load_snapshot(generator, trial, snapshot["file"])
        load_snapshot(gan.discriminator, trial, snapshot["discriminator_file"])
        images = generate_images(generator, real, trial.seed)
        position = {key: snapshot[key] for key in ("generator_step", "discriminator_steps", "epoch")}
        seed = derive_seed(trial.seed, "lipschitz", "iterations")
        yield position | analyse_discriminator(gan, images, params, seed, real.labels)


def build_gan(trial: Trial, image_shape: tuple[int, int, int], class_count: int | None) -> Gan:
    """Build the GAN of a trial, whose snapshots are loaded later."""
    module = load_gan_module(trial.gan)
    networks = load_section(NetworksParams, "networks")
    options = load_section(module.Options, "options", trial.gan)
    gan: Gan = module.GAN(image_shape, networks, options, class_count or 1)
    return gan


def sample_real(count: int, seed: int, class_count: int | None) -> Batch:
    """Sample real images, the same for all GANs and settings of a seed, with labels if there is a `class_count`.

    Raises:
        InputError: the train split has fewer images than `count`.
    """
    images = read_images(images_file("train"), made_by="prepare")
    if len(images) < count:
        raise InputError(
            f"lipschitz.image_count = {count}, but the train split has only {len(images)} images; lower it or raise "
            "prepare.train_limit"
        )
    random = torch.Generator().manual_seed(derive_seed(seed, "lipschitz", "real"))
    indices = torch.randperm(len(images), generator=random)[:count].sort().values
    real = pixels_to_tensor(torch.from_numpy(images[indices.numpy()]))
    if class_count is None:
        return Batch(real)
    labels = read_labels("train", len(images), class_count)
    return Batch(real, torch.from_numpy(labels[indices.numpy()]))


@torch.no_grad()
def generate_images(generator: Generator, real: Batch, seed: int) -> dict[str, Tensor]:
    """Generate one image for each real one, and interpolate between the two at a random point.

    The generator's batch norm uses the statistics of the batch, as it did when the discriminator was trained. z and
    the points are the same for all GANs, settings and snapshots of a seed.

    Args:
        generator: the generator of a snapshot.
        real: N real images; a conditional generator gets their labels.
        seed: the seed of the trial.

    Returns:
        float [N, C, H, W] in [-1, 1] by the keys real, fake and interpolated.
    """
    random = torch.Generator().manual_seed(derive_seed(seed, "lipschitz", "z"))
    images, labels = real
    fake = generator.train()(generator.sample_z(len(images), random).to(images.device), labels)
    share_of_fake = torch.rand(len(images), 1, 1, 1, generator=random).to(images.device)
    return {"real": images, "fake": fake, "interpolated": torch.lerp(images, fake, share_of_fake)}
