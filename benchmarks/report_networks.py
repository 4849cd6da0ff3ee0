"""The report's own networks and training loops for BEGAN, EBGAN and WGAN-GP, written anew from the facts of its code.

Sizes, losses and order of operations are those of its repository (COMP6248-Reproducability-Challenge/SNGAN), read into
a table and written from that; its known faults that cost time are kept, as they are what is compared with: every
image converted by a DataLoader, the generator run twice on the same noise, gradients that are thrown away.
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
from stages.gans.ebgan import measure_energy
from stages.networks.gan import Gan, Loss
from stages.networks.generator import ImageGenerator
from stages.networks.penalties import measure_gradient_penalty

SHAPE = (3, 28, 28)
Z_DIMENSION = 62
CODE_DIMENSION = 32
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)
CRITIC_STEPS = 5


def draw_weights(module: nn.Module) -> nn.Module:
    """Draw weights from N(0, 0.02^2) and set offsets to zero, as the report's code does."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


class ReportGenerator(ImageGenerator):
    """Two linear layers and two transposed convolutions; 6.6 million parameters."""

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
        draw_weights(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw images float [N, 3, 28, 28] from noise float [N, 62]; it knows no labels."""
        images: Tensor = self.maps(self.linear(z).view(-1, 128, 7, 7))
        return images.float()

    def draw_z(self, count: int, random: torch.Generator) -> Tensor:
        """Draw noise from U[0, 1): float32 [count, 62]."""
        return torch.rand(count, Z_DIMENSION, generator=random, device=random.device)


class ReportAutoEncoder(nn.Module):
    """One convolution, two linear layers, one transposed convolution; EBGAN's has a batch norm before the last."""

    def __init__(self, normalised: bool) -> None:
        super().__init__()
        self.convolution = nn.Sequential(nn.Conv2d(3, 64, 4, 2, 1), nn.ReLU())
        self.to_code = nn.Linear(64 * 14 * 14, CODE_DIMENSION)
        self.from_code = nn.Linear(CODE_DIMENSION, 64 * 14 * 14)
        self.norm = nn.BatchNorm1d(64 * 14 * 14) if normalised else None
        self.deconvolution = nn.ConvTranspose2d(64, 3, 4, 2, 1)
        draw_weights(self)

    def encode(self, images: Tensor) -> Tensor:
        """Map images float [N, 3, 28, 28] to codes float [N, 32]."""
        code: Tensor = self.to_code(self.convolution(images).flatten(1))
        return code

    def decode(self, code: Tensor, parts: int = 1) -> Tensor:
        """Map codes float [N, 32] to images float [N, 3, 28, 28]; each part of the batch is normalised by itself."""
        maps = self.from_code(code)
        if self.norm is not None:
            maps = normalise(self.norm, maps, parts).relu()
        images: Tensor = self.deconvolution(maps.view(-1, 64, 14, 14))
        return images.float()

    def forward(self, images: Tensor, parts: int = 1) -> Tensor:
        """Reconstruct images."""
        return self.decode(self.encode(images), parts)


class ReportCritic(nn.Module):
    """Two convolutions and two linear layers, with batch norm after the second and the third."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv2d(3, 64, 4, 2, 1), nn.Conv2d(64, 128, 4, 2, 1)])
        self.linear = nn.ModuleList([nn.Linear(128 * 7 * 7, 1024), nn.Linear(1024, 1)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(128), nn.BatchNorm1d(1024)])
        draw_weights(self)

    def forward(self, images: Tensor, parts: int = 1) -> Tensor:
        """Score images float [N, 3, 28, 28]: float [N]; each part of the batch is normalised by itself."""
        maps = leaky_relu(self.convolutions[0](images), 0.2)
        maps = leaky_relu(normalise(self.norms[0], self.convolutions[1](maps), parts), 0.2)
        features = leaky_relu(normalise(self.norms[1], self.linear[0](maps.flatten(1)), parts), 0.2)
        scores: Tensor = self.linear[1](features)
        return scores.squeeze(1).float()


def normalise(norm: nn.Module, maps: Tensor, parts: int) -> Tensor:
    """Normalise each of `parts` equal parts of a batch by its own statistics, as if it were a batch of its own."""
    return torch.cat([norm(part) for part in maps.chunk(parts)]) if parts > 1 else norm(maps)


class JointEbgan(ebgan.GAN):
    """EBGAN whose real and generated images go through the auto-encoder together, but are normalised apart."""

    def discriminator_loss(self, real: Tensor, fake: Tensor, random: torch.Generator) -> Loss:
        """See Gan."""
        images = torch.cat([real, fake])
        real_energy, fake_energy = measure_energy(images, self.discriminator(images, 2)).chunk(2)
        total = real_energy.mean() + (self.options.margin - fake_energy).relu().mean()
        scores = {"real_score": real_energy.detach().mean(), "fake_score": fake_energy.detach().mean()}
        return Loss(total, scores)


class JointWganGp(wgan_gp.GAN):
    """WGAN-GP whose real and generated images go through the critic together, but are normalised apart."""

    def discriminator_loss(self, real: Tensor, fake: Tensor, random: torch.Generator) -> Loss:
        """See Gan."""
        real_score, fake_score = (
            part.mean() for part in self.discriminator(torch.cat([real, fake]), 2).chunk(2)
        )
        penalty = measure_gradient_penalty(self.discriminator, real, fake, random)
        total = fake_score - real_score + self.options.gradient_penalty_weight * penalty
        return Loss(total, {"real_score": real_score.detach(), "fake_score": fake_score.detach()})


def make_report_gan(name: str, networks: Any) -> Gan:
    """Put the report's networks into our GAN of that name; `networks` only has to be valid, and small."""
    gan: Gan
    if name == "began":
        options = began.Options(gamma=1.0, lambda_k=0.001, code_dimension=32, patience_epochs=5)
        gan = began.GAN(SHAPE, networks, options)
    elif name == "ebgan":
        gan = JointEbgan(SHAPE, networks, ebgan.Options(margin=1.0, pull_away_weight=0.1, code_dimension=32))
    else:
        gan = JointWganGp(SHAPE, networks, wgan_gp.Options(gradient_penalty_weight=10.0))
    gan.register_module("generator", ReportGenerator())
    discriminator = ReportCritic() if name == "wgan_gp" else ReportAutoEncoder(name == "ebgan")
    gan.register_module("discriminator", discriminator)
    return gan


class Pictures(Dataset[Tensor]):
    """Images as torchvision's CIFAR10 holds them: one array, a PIL picture and its transforms at each access."""

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


def load_for_ever(size: int, batch_size: int, count: int = 4096) -> Iterator[Tensor]:
    """Yield batches of random 32 x 32 pictures, resized, from a shuffling DataLoader of no workers."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    loader = DataLoader(Pictures(pixels, size), batch_size, shuffle=True, drop_last=True)
    while True:
        yield from loader


def make_report_loop(name: str, batch_size: int, device: torch.device) -> Callable[[], None]:
    """Return a function that does one full update of the report's loop: one generator step and those before it."""
    generator = ReportGenerator().to(device)
    discriminator = (ReportCritic() if name == "wgan_gp" else ReportAutoEncoder(name == "ebgan")).to(device)
    adams = [torch.optim.Adam(net.parameters(), LEARNING_RATE, BETAS) for net in (generator, discriminator)]
    images = (batch.to(device) for batch in load_for_ever(28, batch_size))
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
