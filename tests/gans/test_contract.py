"""Every file of the model zoo keeps the interface of the training loop; a new file is tested without a new test."""

from pathlib import Path

import pytest
import torch
import yaml

from stages.common.compute import derive_seed
from stages.networks.gan import Batch, Gan, load_gan_module
from stages.networks.params import NetworksParams

ROOT = Path(__file__).parents[2]
MODEL_ZOO = sorted(path.stem for path in (ROOT / "stages/gans").glob("[a-z]*.py"))
NARROW = NetworksParams(architecture="standard", z_dimension=16, width=4, negative_slope=0.1)
SHAPE = (1, 28, 28)
CLASS_COUNT = 3
CONDITIONAL = [name for name in MODEL_ZOO if load_gan_module(name).GAN.is_conditional]


def make_gan(
    name: str,
    shape: tuple[int, int, int] = SHAPE,
    networks: NetworksParams = NARROW,
    class_count: int = CLASS_COUNT,
    **changes: object,
) -> Gan:
    module = load_gan_module(name)
    options = yaml.safe_load((ROOT / "presets/default.yaml").read_text())["options"][name] | changes
    torch.manual_seed(derive_seed(0, "weights"))
    gan: Gan = module.GAN(shape, networks, module.Options(**options), class_count)
    return gan


def make_batch(gan: Gan, images: torch.Tensor) -> Batch:
    """Make a batch of images, labelled with the classes in order for a conditional GAN."""
    return Batch(images, torch.arange(len(images)) % gan.class_count if gan.is_conditional else None)


def sample_batches(gan: Gan, count: int = 6) -> tuple[Batch, Batch, torch.Generator]:
    random = torch.Generator().manual_seed(1)
    real = torch.rand(count, *SHAPE, generator=random) * 2 - 1
    with torch.no_grad():
        fake = gan.generate(count, random)
    return make_batch(gan, real), fake, random


def list_changed(before: dict[str, torch.Tensor], network: torch.nn.Module) -> set[str]:
    return {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}


def copy_parameters(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


@pytest.mark.parametrize("name", MODEL_ZOO)
def test_a_generator_makes_images_in_range(name: str) -> None:
    gan = make_gan(name)
    _, fake, _ = sample_batches(gan)
    assert fake.images.shape == (6, *SHAPE)
    assert -1.0 <= float(fake.images.min()) and float(fake.images.max()) <= 1.0
    assert (fake.labels is not None) == gan.is_conditional


@pytest.mark.parametrize("name", MODEL_ZOO)
def test_a_discriminator_step_changes_the_whole_discriminator_and_nothing_of_the_generator(name: str) -> None:
    gan = make_gan(name)
    real, fake, random = sample_batches(gan)
    before, generator_before = copy_parameters(gan.discriminator), copy_parameters(gan.generator)
    gan.before_discriminator_step()
    loss = gan.discriminator_loss(real, fake, random)
    assert torch.isfinite(loss.total)
    assert {"real_score", "fake_score"} <= loss.diagnostics.keys()
    assert all(value.dim() == 0 and not value.requires_grad for value in loss.diagnostics.values())
    loss.total.backward()
    torch.optim.Adam(gan.discriminator.parameters(), 0.01).step()
    gan.after_discriminator_step(loss)
    # The bias of the last layer shifts real and fake scores equally, so under some losses its gradient is zero.
    unchanged = before.keys() - list_changed(before, gan.discriminator)
    assert unchanged <= {"score.bias", "body.score.bias"}
    assert not list_changed(generator_before, gan.generator)


@pytest.mark.parametrize("name", MODEL_ZOO)
def test_a_generator_step_changes_the_whole_generator_and_leaves_no_gradients_in_the_discriminator(
    name: str,
) -> None:
    gan = make_gan(name)
    before, discriminator_before = copy_parameters(gan.generator), copy_parameters(gan.discriminator)
    gan.discriminator.requires_grad_(False)
    loss = gan.generator_loss(gan.generate(6, torch.Generator().manual_seed(1)))
    assert torch.isfinite(loss.total)
    loss.total.backward()
    torch.optim.Adam(gan.generator.parameters(), 0.01).step()
    assert list_changed(before, gan.generator) == before.keys()
    assert not list_changed(discriminator_before, gan.discriminator)
    assert all(p.grad is None for p in gan.discriminator.parameters())


@pytest.mark.parametrize("name", MODEL_ZOO)
def test_all_gans_of_a_seed_start_from_the_same_generator(name: str) -> None:
    first, this = make_gan(MODEL_ZOO[0]).generator.state_dict(), make_gan(name).generator.state_dict()
    if name not in CONDITIONAL:
        assert first.keys() == this.keys()
    # The random weights are those with several axes; a conditional batch norm starts equal for all classes.
    random_weights = {key for key, value in first.items() if value.dim() > 1}
    assert len(random_weights) == 4 and random_weights <= this.keys()
    assert all(torch.equal(first[key], this[key]) for key in first.keys() & this.keys())


@pytest.mark.parametrize("name", MODEL_ZOO)
def test_the_batch_may_have_any_size_and_colour(name: str) -> None:
    module = load_gan_module(name)
    gan = module.GAN((3, 32, 32), NARROW, make_gan(name).options, CLASS_COUNT)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    loss = gan.discriminator_loss(make_batch(gan, images), make_batch(gan, images.flip(0)), torch.Generator())
    assert torch.isfinite(loss.total)


@pytest.mark.parametrize("name", MODEL_ZOO)
def test_a_score_is_one_number_an_image(name: str) -> None:
    gan, images = make_gan(name), torch.rand(3, *SHAPE) * 2 - 1
    assert gan.score(make_batch(gan, images)).shape == (3,)
    assert gan.gradient_bound(make_batch(gan, images), torch.ones(3)).shape == (3,)


@pytest.mark.parametrize("name", MODEL_ZOO)
def test_every_weight_of_the_residual_networks_gets_a_gradient_unless_the_gan_has_none(name: str) -> None:
    residual = NARROW.model_copy(update={"architecture": "residual"})
    if residual.architecture not in load_gan_module(name).GAN.architectures:
        assert name in ("began", "ebgan")
        return
    gan = make_gan(name, networks=residual)
    real, fake, random = sample_batches(gan)
    gan.discriminator_loss(real, fake, random).total.backward()
    gan.generator_loss(gan.generate(6, random)).total.backward()
    untouched = {key for key, p in gan.named_parameters() if p.grad is None or not p.grad.any()}
    assert untouched <= {"discriminator.score.bias", "discriminator.body.score.bias"}


def test_a_gan_that_is_not_in_the_model_zoo_is_named() -> None:
    with pytest.raises(ValueError, match=r"GAN 'vae' is unknown: there is no stages/gans/vae\.py"):
        load_gan_module("vae")
