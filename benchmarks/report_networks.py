"""The published report's networks and training loops for BEGAN, EBGAN and WGAN-GP, rewritten from notes on its code.

Sizes, losses and the order of operations are those of its repository (COMP6248-Reproducability-Challenge/SNGAN). The
faults that cost it time are kept, since our loop is compared with it: a DataLoader converts every image, the generator
runs twice on the same noise, and gradients are computed that nothing uses.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import l1_loss, leaky_relu, mse_loss
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from stages.gans import began, ebgan, wgan_gp
from stages.networks.gan import Gan
from stages.networks.generator import Generator

SHAPE = (3, 28, 28)
Z_DIMENSION = 62
CODE_DIMENSION = 32
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)
CRITIC_STEPS = 5


def init_weights(module: nn.Module) -> nn.Module:
    """Draw weights from N(0, 0.02^2) and set biases to zero, as the published report's code does."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


class ReportGenerator(Generator):
    """The published report's generator: two linear layers and two transposed convolutions, 6.6 million parameters."""

    def __init__(self) -> None:
        super().__init__(Z_DIMENSION)
        self.linear = nn.Sequential(
            *(nn.Linear(Z_DIMENSION, 1024), nn.BatchNorm1d(1024), nn.ReLU()),
            *(nn.Linear(1024, 128 * 7 * 7), nn.BatchNorm1d(128 * 7 * 7), nn.ReLU()),
        )
        self.maps = nn.Sequential(
            *(nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh()),
        )
        init_weights(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw images float [N, 3, 28, 28] from noise float [N, 62]; labels are not used."""
        images: Tensor = self.maps(self.linear(z).view(-1, 128, 7, 7))
        return images.float()

    def sample_z(self, count: int, random: torch.Generator) -> Tensor:
        """Draw noise from U[0, 1): float32 [count, 62]."""
        return torch.rand(count, Z_DIMENSION, generator=random, device=random.device)


class ReportAutoEncoder(nn.Module):
    """The published report's auto-encoder: one convolution, two linear layers, one transposed convolution.

    EBGAN's has a batch norm before the last layer.
    """

    def __init__(self, normalised: bool, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.convolution = nn.Sequential(nn.Conv2d(3, 64, 4, 2, 1), nn.ReLU())
        self.to_code = nn.Linear(64 * 14 * 14, CODE_DIMENSION)
        self.from_code = nn.Linear(CODE_DIMENSION, 64 * 14 * 14)
        self.norm = nn.BatchNorm1d(64 * 14 * 14) if normalised else None
        self.deconvolution = nn.ConvTranspose2d(64, 3, 4, 2, 1)
        init_weights(self)

    def encode(self, images: Tensor) -> Tensor:
        """Map images float [N, 3, 28, 28] to codes float [N, 32]."""
        code: Tensor = self.to_code(self.convolution(images).flatten(1))
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Map codes float [N, 32] to images float [N, 3, 28, 28]."""
        maps = self.from_code(code)
        if self.norm is not None:
            maps = normalise(self.norm, maps, self.batch_size).relu()
        images: Tensor = self.deconvolution(maps.view(-1, 64, 14, 14))
        return images.float()

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct images float [N, 3, 28, 28]."""
        return self.decode(self.encode(images))


class ReportCritic(nn.Module):
    """The report's critic for WGAN-GP: two convolutions and two linear layers, with batch norm after layers 2 and 3."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.convolutions = nn.ModuleList([nn.Conv2d(3, 64, 4, 2, 1), nn.Conv2d(64, 128, 4, 2, 1)])
        self.linear = nn.ModuleList([nn.Linear(128 * 7 * 7, 1024), nn.Linear(1024, 1)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(128), nn.BatchNorm1d(1024)])
        init_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        """Score images float [N, 3, 28, 28]: float [N]."""
        maps = leaky_relu(self.convolutions[0](images), 0.2)
        maps = leaky_relu(normalise(self.norms[0], self.convolutions[1](maps), self.batch_size), 0.2)
        features = normalise(self.norms[1], self.linear[0](maps.flatten(1)), self.batch_size)
        scores: Tensor = self.linear[1](leaky_relu(features, 0.2))
        return scores.squeeze(1).float()


def normalise(norm: nn.Module, maps: Tensor, batch_size: int) -> Tensor:
    """Normalise the real and the generated images of one pass as separate batches, as the published report does."""
    parts = [norm(part) for part in maps.split(batch_size)]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def make_report_discriminator(name: str, batch_size: int) -> nn.Module:
    """Make the published report's discriminator of a GAN."""
    if name == "wgan_gp":
        return ReportCritic(batch_size)
    return ReportAutoEncoder(name == "ebgan", batch_size)


def make_report_gan(name: str, networks: Any, batch_size: int, full_precision_penalty: bool) -> Gan:
    """Put the published report's networks into our GAN of that name.

    `networks` makes the networks that are then replaced, so any valid, small section serves.
    """
    gan: Gan
    if name == "began":
        options = began.Options(
            discriminator_steps=None,
            gamma=1.0,
            lambda_k=0.001,
            code_dimension=32,
            patience_generator_steps=781,
            minimum_learning_rate=2e-5,
        )
        gan = began.GAN(SHAPE, networks, options)
    elif name == "ebgan":
        gan = ebgan.GAN(
            SHAPE,
            networks,
            ebgan.Options(discriminator_steps=None, margin=1.0, pull_away_weight=0.1, code_dimension=32),
        )
    else:
        penalty = wgan_gp.Options(
            discriminator_steps=None,
            gradient_penalty_weight=10.0,
            full_precision_penalty=full_precision_penalty,
        )
        gan = wgan_gp.GAN(SHAPE, networks, penalty)
    gan.register_module("generator", ReportGenerator())
    gan.register_module("discriminator", make_report_discriminator(name, batch_size))
    return gan


class Pictures(Dataset[Tensor]):
    """A data set like torchvision's CIFAR10: one array, of which each access transforms an image through PIL."""

    def __init__(self, pixels: np.ndarray[Any, np.dtype[np.uint8]], size: int) -> None:
        self.pixels = pixels
        self.transform = transforms.Compose(
            [
                transforms.Resize(size),
                transforms.ToTensor(),
                transforms.Normalize((0.5,) * 3, (0.5,) * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        image: Tensor = self.transform(Image.fromarray(self.pixels[index]))
        return image


def load_forever(size: int, batch_size: int, count: int = 4096) -> Iterator[Tensor]:
    """Yield batches of random 32 x 32 pictures, resized, from a shuffling DataLoader without workers."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    loader = DataLoader(Pictures(pixels, size), batch_size, shuffle=True, drop_last=True)
    while True:
        yield from loader


def make_report_loop(name: str, batch_size: int, device: torch.device) -> Callable[[], None]:
    """Return a function that does one update of the published report's loop: critic steps and one generator step."""
    generator = ReportGenerator().to(device)
    discriminator = make_report_discriminator(name, batch_size).to(device)
    adams = [torch.optim.Adam(net.parameters(), LEARNING_RATE, BETAS) for net in (generator, discriminator)]
    images = (batch.to(device) for batch in load_forever(28, batch_size))
    step = {"began": _update_began, "ebgan": _update_ebgan, "wgan_gp": _update_wgan_gp}[name]
    state = {"k": 0.0}
    return lambda: step(generator, discriminator, adams, images, state)


def _update_began(
    generator: Any, discriminator: Any, adams: Any, images: Iterator[Tensor], state: Any
) -> None:
    real = next(images)
    z = torch.rand(len(real), Z_DIMENSION).to(real.device)
    adams[1].zero_grad()
    real_loss = l1_loss(discriminator(real), real)
    fake = generator(z)
    fake_loss = l1_loss(discriminator(fake), fake)
    loss = real_loss - state["k"] * fake_loss
    loss.backward()
    adams[1].step()
    loss.item()
    adams[0].zero_grad()
    fake = generator(z)
    generator_loss = l1_loss(discriminator(fake), fake)
    generator_loss.backward()
    adams[0].step()
    generator_loss.item()
    balance = float(real_loss.item() - fake_loss.item())
    state["k"] = min(max(state["k"] + 0.001 * balance, 0.0), 1.0)


def _update_ebgan(
    generator: Any, discriminator: Any, adams: Any, images: Iterator[Tensor], state: Any
) -> None:
    real = next(images)
    z = torch.rand(len(real), Z_DIMENSION).to(real.device)
    adams[1].zero_grad()
    real_loss = mse_loss(discriminator(real), real)
    fake = generator(z)
    fake_loss = mse_loss(discriminator(fake), fake.detach())
    loss = real_loss + torch.clamp(1.0 - fake_loss, min=0.0)
    loss.backward()
    adams[1].step()
    loss.item()
    adams[0].zero_grad()
    fake = generator(z)
    code = discriminator.encode(fake)
    cosines = (code @ code.T / torch.norm(code, 1) ** 2) ** 2
    pull_away = (cosines.sum() - len(code)) / (len(code) * (len(code) - 1))
    generator_loss = mse_loss(discriminator.decode(code), fake.detach()) + 0.1 * pull_away
    generator_loss.backward()
    adams[0].step()
    generator_loss.item()


def _update_wgan_gp(
    generator: Any, discriminator: Any, adams: Any, images: Iterator[Tensor], state: Any
) -> None:
    for _ in range(CRITIC_STEPS):
        real = next(images)
        z = torch.rand(len(real), Z_DIMENSION).to(real.device)
        adams[1].zero_grad()
        fake = generator(z)
        loss = discriminator(fake).mean() - discriminator(real).mean()
        share = torch.rand(len(real), 1, 1, 1).to(real.device)
        between = (share * real + (1 - share) * fake.detach()).requires_grad_(True)
        scores = discriminator(between)
        (gradient,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)
        loss = loss + 10.0 * ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        loss.backward()
        adams[1].step()
        loss.item()
    adams[0].zero_grad()
    generator_loss = -discriminator(generator(z)).mean()
    generator_loss.backward()
    adams[0].step()
    generator_loss.item()
