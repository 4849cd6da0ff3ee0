"""The training loops that benchmarks/training.py compares: ours, a plain one, the published report's, mimicry's.

Each `make_*` function of a loop returns a function that does a given number of full updates.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from benchmarks.report_networks import load_forever, make_report_gan, make_report_loop
from stages.common.params import read_params
from stages.networks.discriminator import ConvDiscriminator
from stages.networks.gan import Batch, Gan, load_gan_module
from stages.networks.params import NetworksParams
from stages.networks.residual import ResidualDiscriminator, ResidualGenerator
from stages.networks.score_gan import ScoreGan
from stages.networks.spectral_norm import add_spectral_norm
from stages.networks.weights import init_weights
from stages.train.data import MEMORY_FORMATS, Batches
from stages.train.log import TrainingLog
from stages.train.loop import make_steps, train_gan
from stages.train.params import Setting, TrainParams
from stages.train.state import TrainState

DEFAULT = read_params(Path(__file__).parents[1] / "presets/default.yaml")
Updates = Callable[[int], None]
"""A function that does a given number of full updates; each is the discriminator steps and one generator step."""


def make_networks(width: int) -> NetworksParams:
    """Return the section `networks` of the default preset with another width; the papers use 64."""
    return NetworksParams(**DEFAULT["networks"] | {"width": width})


def make_gan(name: str, shape: tuple[int, int, int], width: int, **options: Any) -> Gan:
    """Make a GAN of the model zoo with the options of the default preset, overridden by `options`."""
    module = load_gan_module(name)
    gan: Gan = module.GAN(shape, make_networks(width), module.Options(**DEFAULT["options"][name] | options))
    return gan


def make_residual_gan(name: str, shape: tuple[int, int, int], width: int, **more: Any) -> Gan:
    """Make SNGAN (hinge) or WGAN-GP with the residual networks of Miyato et al. 2018, Table 4.

    `more` overrides options of the default preset.
    """
    module, networks = load_gan_module(name), make_networks(width)
    options = DEFAULT["options"][name] | ({"loss": "hinge"} if name == "sngan" else {}) | more
    gan: Gan = module.GAN(shape, make_networks(1), module.Options(**options))
    gan.register_module("generator", ResidualGenerator(shape, networks))
    gan.register_module("discriminator", ResidualDiscriminator(shape, networks))
    init_weights(gan)
    if name == "sngan":
        add_spectral_norm(gan.discriminator)
    return gan


def make_our_loop(
    gan: Gan, shape: tuple[int, int, int], device: torch.device, batch_size: int, steps: int, **options: Any
) -> Updates:
    """Train `gan` by the loop of stages/train/loop.py, uncaptured, with the default params overridden by `options`."""
    setting = Setting(**DEFAULT["settings"]["A"] | {"discriminator_steps": steps})
    plan = {"batch_size": batch_size, "evaluation_points": 1, "log_every_generator_steps": 100}
    params = TrainParams(**DEFAULT["train"] | plan | {"cuda_graphs": False} | options)
    state = TrainState(gan, setting, params, 0, device)
    images = torch.randint(0, 256, (8192, *shape), dtype=torch.uint8).to(device)
    batches = Batches(images, batch_size, 0, MEMORY_FORMATS[params.memory_format])
    # The steps are made once, as in a training; making them again would capture their CUDA graphs again.
    our_steps = make_steps(state, batches, params)

    def update(count: int) -> None:
        target = state.generator_step + count
        until = params.model_copy(
            update={"generator_steps": target, "checkpoint_every_generator_steps": target}
        )
        log = TrainingLog(None, batch_size)
        train_gan(our_steps, until, log, lambda: None, lambda: None, lambda: None)

    return update


def make_plain_loop(
    gan: Gan, shape: tuple[int, int, int], batch_size: int, steps: int, device: torch.device
) -> Updates:
    """Train `gan` as plain PyTorch code does, without any of our optimisations.

    Batches come from a DataLoader, tensors are contiguous, Adam has its plain form, and real and generated images pass
    through the discriminator one after the other. The discriminator's update also computes gradients of the generator,
    and the generator's update those of the discriminator. The loop waits for the value of every loss. Spectral norm and
    second derivatives are torch's.
    """
    if isinstance(gan, ScoreGan):
        vars(gan)["score_real_and_fake"] = lambda real, fake: (gan.score(real), gan.score(fake))
    gan.to(device)
    images = load_forever(shape[1], batch_size)
    rate, betas = 2e-4, (0.5, 0.999)
    generator_adam = torch.optim.Adam(gan.generator.parameters(), rate, betas)
    discriminator_adam = torch.optim.Adam(gan.discriminator.parameters(), rate, betas)
    random = torch.Generator(device).manual_seed(0)

    @mock.patch("stages.networks.gradient_penalty.compute_input_gradient", differentiate_plainly)
    def update(count: int) -> None:
        for _ in range(count):
            for _ in range(steps):
                real = Batch(next(images)[:, : shape[0]].to(device))
                discriminator_adam.zero_grad()
                fake = gan.generate(len(real.images), random)
                loss = gan.discriminator_loss(real, fake, random)
                loss.total.backward()
                discriminator_adam.step()
                gan.after_discriminator_step(loss)
                loss.total.item()
            generator_adam.zero_grad()
            generator_loss = gan.generator_loss(gan.generate(len(real.images), random)).total
            generator_loss.backward()
            generator_adam.step()
            generator_loss.item()

    return update


def differentiate_plainly(network: nn.Module, images: Tensor) -> Tensor:
    """Compute what stages/networks/double_backward.py computes, by torch's own formulas."""
    return torch.autograd.grad(network(images).sum(), images, create_graph=True)[0]


def use_torchs_spectral_norm(gan: Gan, shape: tuple[int, int, int], width: int) -> Gan:
    """Give an SNGAN a discriminator with torch's parametrization in place of ours."""
    discriminator: nn.Module = ConvDiscriminator(shape, make_networks(width))
    init_weights(discriminator)
    for layer in list(discriminator.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            parametrizations.spectral_norm(layer)
    gan.discriminator = discriminator
    return gan


def make_plain(
    name: str, shape: tuple[int, int, int], width: int, batch_size: int, steps: int, device: torch.device
) -> Updates:
    """Make a GAN of the model zoo and the plain loop for it."""
    gan = make_gan(name, shape, width)
    if name == "sngan":
        gan = use_torchs_spectral_norm(gan, shape, width)
    return make_plain_loop(gan, shape, batch_size, steps, device)


def make_report(name: str, batch_size: int, device: torch.device) -> Updates:
    """Make the published report's own loop over its own networks."""
    update_once = make_report_loop(name, batch_size, device)

    def update(count: int) -> None:
        for _ in range(count):
            update_once()

    return update


def make_report_networks(
    name: str,
    device: torch.device,
    batch_size: int,
    steps: int,
    precision: str,
    full_precision_penalty: bool = True,
) -> Updates:
    """Make our loop over the published report's networks; as in its code, both networks train on the same noise."""
    gan = make_report_gan(name, make_networks(1), batch_size, full_precision_penalty)
    options = {"precision": precision, "memory_format": "contiguous", "reuse_fake": True}
    return make_our_loop(gan, (3, 28, 28), device, batch_size, steps, **options)


def make_mimicry(name: str, device: torch.device, batch_size: int, steps: int) -> Updates:
    """Make mimicry's own train step (torch-mimicry 0.1.16, unchanged), on one batch that stays in memory."""
    nets = import_mimicry(f"nets.{name}.{name}_32")
    log = import_mimicry("training.metric_log")
    prefix = {"sngan": "SNGAN", "wgan_gp": "WGANGP"}[name]
    generator = getattr(nets, f"{prefix}Generator32")().to(device)
    discriminator = getattr(nets, f"{prefix}Discriminator32")().to(device)
    adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.0, 0.9)) for net in (generator, discriminator)]
    images: Tensor = torch.rand(batch_size, 3, 32, 32, device=device) * 2 - 1
    batch = (images, torch.zeros(batch_size, dtype=torch.int64, device=device))

    def update(count: int) -> None:
        for _ in range(count):
            data = log.MetricLog()
            for _ in range(steps):
                discriminator.train_step(batch, generator, adams[1], data, device=device)
            generator.train_step(batch, discriminator, adams[0], data, device=device)

    return update


def import_mimicry(name: str) -> ModuleType:
    """Import a module of torch-mimicry without its package's __init__, which needs TensorFlow for its scores.

    Raises:
        ValueError: the package is not installed.
    """
    spec = importlib.util.find_spec("torch_mimicry") if "torch_mimicry" not in sys.modules else None
    if "torch_mimicry" not in sys.modules:
        if spec is None or not spec.submodule_search_locations:
            raise ValueError("torch-mimicry is missing: pip install --no-deps torch-mimicry==0.1.16")
        for package in ("torch_mimicry", "torch_mimicry.training", "torch_mimicry.nets"):
            module = ModuleType(package)
            parts = package.split(".")[1:]
            module.__path__ = [str(Path(spec.submodule_search_locations[0], *parts))]
            sys.modules[package] = module
    return importlib.import_module(f"torch_mimicry.{name}")
