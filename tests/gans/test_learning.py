"""Every file of the model zoo learns from real images: a short training lowers the FID."""

from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from stages.networks.gan import Batch, Gan
from stages.networks.params import NetworksParams
from stages.scores.frechet import compute_frechet_distance
from stages.scores.moments import Moments, StreamingMoments
from stages.train.data import Batches
from stages.train.log import TrainingLog
from stages.train.loop import make_steps, train_gan
from stages.train.params import Setting, TrainParams
from stages.train.state import TrainState
from tests.gans.test_contract import CONDITIONAL, MODEL_ZOO, make_gan

pytestmark = pytest.mark.slow
SHAPE = (1, 8, 8)
NETWORKS = NetworksParams(architecture="standard", z_dimension=16, width=8, negative_slope=0.1)
PLAN = TrainParams(
    batch_size=32,
    generator_steps=200,
    evaluation_points=1,
    log_every_generator_steps=200,
    checkpoint_every_generator_steps=200,
    precision="float32",
    memory_format="channels_last",
    reuse_fake=False,
    compile=False,
    cuda_graphs=False,
    ema_decay=None,
)
SETTING = Setting(
    generator_learning_rate=0.002,
    discriminator_learning_rate=0.002,
    beta1=0.5,
    beta2=0.999,
    discriminator_steps=1,
)
# The FID of the trained generator must be at most this fraction of the untrained generator's.
LARGEST_FID_RATIO = 0.5
CLASS_COUNT = 10
# At least this fraction of conditional samples must be nearest to the mean image of their class; by chance it is 0.1.
SMALLEST_AGREEMENT = 0.7


def read_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Load scikit-learn's digits: uint8 [1797, 1, 8, 8], and their labels, int64 [1797]."""
    digits = load_digits()
    images = torch.tensor(digits.images * 255 / 16).round().to(torch.uint8).unsqueeze(1)
    return images, torch.tensor(digits.target, dtype=torch.int64)


def measure_moments(images: torch.Tensor) -> Moments:
    """Compute the moments of float images in [-1, 1], with their 64 pixels as features.

    There are few enough pixels for a full covariance, and unlike the features of a network they need no training.
    """
    gatherer = StreamingMoments(64)
    gatherer.add(images.flatten(1).numpy())
    return gatherer.finish()


@torch.no_grad()
def generate(gan: Gan) -> Batch:
    """Generate 2000 images with batch statistics, which an untrained generator has too."""
    return gan.generate(2000, torch.Generator().manual_seed(1))


def train(name: str, networks: NetworksParams, log: Path, plan: TrainParams = PLAN) -> tuple[Gan, Batch]:
    """Train briefly; return the GAN and the images that it generated before the training."""
    images, labels = read_digits()
    gan = make_gan(name, SHAPE, networks, CLASS_COUNT)
    batches = Batches(images, plan.batch_size, seed=0, labels=labels if gan.is_conditional else None)
    before = generate(gan)
    state = TrainState(gan, SETTING, plan, 0, torch.device("cpu"))
    train_gan(
        make_steps(state, batches, plan),
        plan,
        TrainingLog(log.parent, plan.batch_size),
        save_checkpoint=lambda: None,
        save_snapshot=lambda: None,
        show_progress=lambda: None,
    )
    return gan, before


def measure_fid_ratio(name: str, networks: NetworksParams, log: Path) -> float:
    """Train briefly; return the FID after the training over the FID before."""
    real = measure_moments(read_digits()[0].float() / 127.5 - 1.0)
    gan, before = train(name, networks, log)
    fid_after, fid_before = (
        compute_frechet_distance(measure_moments(samples.images), real) for samples in (generate(gan), before)
    )
    return fid_after / fid_before


def measure_agreement(samples: Batch) -> float:
    """Compute the fraction of the samples that are nearest to the mean of the real images of their class."""
    images, labels = read_digits()
    real = images.flatten(1).float() / 127.5 - 1.0
    means = torch.stack([real[labels == label].mean(0) for label in range(CLASS_COUNT)])
    nearest = torch.cdist(samples.images.flatten(1), means).argmin(1)
    return float(torch.eq(nearest, torch.as_tensor(samples.labels)).float().mean())


@pytest.mark.parametrize("name", MODEL_ZOO)
def test_a_short_training_halves_the_fid(name: str, tmp_path: Path) -> None:
    assert measure_fid_ratio(name, NETWORKS, tmp_path / "metrics.jsonl") <= LARGEST_FID_RATIO


def test_a_short_training_of_residual_networks_halves_the_fid(tmp_path: Path) -> None:
    networks = NETWORKS.model_copy(update={"architecture": "residual"})
    assert measure_fid_ratio("sngan", networks, tmp_path / "metrics.jsonl") <= LARGEST_FID_RATIO


@pytest.mark.parametrize("name", CONDITIONAL)
def test_images_generated_for_a_class_are_of_that_class(name: str, tmp_path: Path) -> None:
    # The classes are learnt later than the FID falls: the agreement was 0.22 after 200 steps and 0.95 after 800.
    plan = PLAN.model_copy(update={"generator_steps": 800})
    gan, before = train(name, NETWORKS, tmp_path / "metrics.jsonl", plan)
    assert measure_agreement(before) < 0.2
    assert measure_agreement(generate(gan)) >= SMALLEST_AGREEMENT
