"""Every file of the shelf learns from real images: FID falls, not only that nothing crashes."""

from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from stages.networks.generator import ImageGenerator
from stages.networks.params import NetworksParams
from stages.scores.frechet import frechet_distance
from stages.scores.moments import Moments, MomentsGatherer
from stages.train.batches import Batches
from stages.train.log import TrainingLog
from stages.train.loop import train_gan
from stages.train.params import Setting, TrainParams
from stages.train.training import Training
from tests.gans.test_contract import SHELF, make_gan

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
# FID of the trained generator over that of the untrained one: at most this.
MARGIN = 0.5


def read_digits() -> torch.Tensor:
    """Scikit-learn's 1797 digits: uint8 [1797, 1, 8, 8]."""
    return torch.tensor(load_digits().images * 255 / 16).round().to(torch.uint8).unsqueeze(1)


def measure_moments(images: torch.Tensor) -> Moments:
    """Gather the moments of float images in [-1, 1].

    The features are the 64 pixels themselves: at 8 x 8 they are few enough for a full covariance, and unlike those of a
    network they leave no doubt about what has become closer.
    """
    gatherer = MomentsGatherer(64)
    gatherer.add(images.flatten(1).numpy())
    return gatherer.finish()


def measure_fid(generator: ImageGenerator, real: Moments) -> float:
    """Measure FID over 2000 images, drawn by batch statistics, which an untrained generator has too."""
    with torch.no_grad():
        images = generator(generator.draw_z(2000, torch.Generator().manual_seed(1)))
    return frechet_distance(measure_moments(images), real)


def measure_progress(name: str, networks: NetworksParams, log: Path) -> float:
    """Train briefly; return FID after over FID before."""
    digits = read_digits()
    batches = Batches(digits, PLAN.batch_size, seed=0)
    gan = make_gan(name, SHAPE, networks)
    real = measure_moments(digits.float() / 127.5 - 1.0)
    before = measure_fid(gan.generator, real)
    training = Training(gan, SETTING, PLAN, 0, torch.device("cpu"))
    train_gan(
        training,
        batches,
        PLAN,
        TrainingLog(log, PLAN.batch_size, 0),
        save_checkpoint=lambda: None,
        save_snapshot=lambda: None,
        show_progress=lambda: None,
    )
    return measure_fid(gan.generator, real) / before


@pytest.mark.parametrize("name", SHELF)
def test_a_short_training_halves_the_distance_to_real_images(name: str, tmp_path: Path) -> None:
    assert measure_progress(name, NETWORKS, tmp_path / "metrics.jsonl") <= MARGIN


def test_a_short_training_of_residual_networks_does_so_too(tmp_path: Path) -> None:
    networks = NETWORKS.model_copy(update={"architecture": "residual"})
    assert measure_progress("sngan", networks, tmp_path / "metrics.jsonl") <= MARGIN
