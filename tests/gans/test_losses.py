"""Each loss has one value computed by hand, and the mistakes of the published report's code are not repeated."""

import math

import pytest
import torch
from torch import Tensor, nn

from stages.gans import began, ebgan, gan_gp, orthonormal, sngan, weight_clipping, weight_norm, wgan_gp
from stages.networks.architectures import build_generator
from stages.networks.gan import Batch
from stages.networks.losses import SCORE_LOSSES
from stages.networks.normalisers import BatchNormWithoutGain
from stages.networks.params import NetworksParams
from stages.networks.weights import export_state

NARROW = NetworksParams(architecture="standard", z_dimension=16, width=4, negative_slope=0.1)
SHAPE = (1, 28, 28)
BEGAN = began.Options(
    discriminator_steps=None,
    gamma=0.5,
    lambda_k=0.1,
    code_dimension=8,
    patience_generator_steps=4,
    minimum_learning_rate=0.0005,
)
SNGAN = sngan.Options(
    discriminator_steps=None,
    loss="non_saturating",
    lipschitz_constant=1.0,
    power_iterations=1,
    normalise_generator=False,
)
EBGAN = ebgan.Options(discriminator_steps=None, margin=1.0, pull_away_weight=0.1, code_dimension=8)


def grey(*levels: float) -> Batch:
    """Make a batch of images of one grey level each."""
    return Batch(torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, *SHAPE).clone())


class ZeroAutoEncoder(nn.Module):
    """An auto-encoder that returns zeros: the error of an image of one level is that level."""

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, codes: Tensor) -> Tensor:
        return (codes * 0.0).view(-1, *SHAPE)


class HalvingAutoEncoder(ZeroAutoEncoder):
    """An auto-encoder that halves its input."""

    def decode(self, codes: Tensor) -> Tensor:
        return 0.5 * codes.view(-1, *SHAPE)


def test_non_saturating_loss_by_hand() -> None:
    loss = SCORE_LOSSES["non_saturating"]
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 3.0])
    expected = (math.log1p(math.exp(-2)) + math.log(2)) / 2 + (
        math.log1p(math.exp(-1)) + math.log1p(math.exp(3))
    ) / 2
    assert float(loss.discriminator(real, fake)) == pytest.approx(expected, rel=1e-6)
    expected = (math.log1p(math.exp(1)) + math.log1p(math.exp(-3))) / 2
    assert float(loss.generator(fake)) == pytest.approx(expected, rel=1e-6)


def test_hinge_loss_by_hand() -> None:
    loss = SCORE_LOSSES["hinge"]
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-2.0, 3.0])
    assert float(loss.discriminator(real, fake)) == pytest.approx(0.5 + 2.0)
    assert float(loss.generator(fake)) == pytest.approx(-0.5)


def test_the_gradient_penalty_of_a_linear_critic_by_hand() -> None:
    gan = wgan_gp.GAN(
        SHAPE,
        NARROW,
        wgan_gp.Options(discriminator_steps=None, gradient_penalty_weight=10.0, full_precision_penalty=True),
    )
    weight = torch.zeros(1, 784)
    weight[0, :9] = 1.0  # gradient norm 3 everywhere
    linear = nn.Linear(784, 1, bias=False)
    linear.weight.data.copy_(weight)
    gan.discriminator = nn.Sequential(nn.Flatten(), linear, nn.Flatten(0))
    loss = gan.discriminator_loss(grey(1.0, 1.0), grey(-1.0, -1.0), torch.Generator().manual_seed(0))
    # E[D(fake)] - E[D(real)] + 10 * (3 - 1)^2
    assert float(loss.total.detach()) == pytest.approx(-9.0 - 9.0 + 40.0, rel=1e-5)
    assert float(gan.generator_loss(grey(1.0)).total.detach()) == pytest.approx(-9.0, rel=1e-5)


def test_gan_gp_adds_the_penalty_to_the_non_saturating_loss_by_hand() -> None:
    options = gan_gp.Options(
        discriminator_steps=None,
        loss="non_saturating",
        gradient_penalty_weight=10.0,
        full_precision_penalty=True,
    )
    gan = gan_gp.GAN(SHAPE, NARROW, options)
    linear = nn.Linear(784, 1, bias=False)
    linear.weight.data.zero_()[0, :9] = 1.0
    gan.discriminator = nn.Sequential(nn.Flatten(), linear, nn.Flatten(0))
    loss = gan.discriminator_loss(grey(0.5, 0.5), grey(0.0, 0.0), torch.Generator().manual_seed(0))
    expected = math.log1p(math.exp(-4.5)) + math.log(2) + 40.0
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-6)
    assert float(loss.diagnostics["gradient_penalty"]) == pytest.approx(4.0, rel=1e-5)


def test_a_clipped_critic_stays_within_the_range_and_has_wasserstein_loss_by_hand() -> None:
    gan = weight_clipping.GAN(SHAPE, NARROW, weight_clipping.Options(discriminator_steps=None, clip=0.01))
    linear = nn.Linear(2, 1, bias=False)
    gan.discriminator = nn.Sequential(linear, nn.Flatten(0))
    linear.weight.data.copy_(torch.tensor([[0.5, -0.005]]))
    real, fake = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -2.0]])
    loss = gan.discriminator_loss(Batch(real), Batch(fake), torch.Generator())
    assert float(loss.total.detach()) == pytest.approx((1.5 + 0.01) - (0.5 - 0.01), rel=1e-6)
    assert float(gan.generator_loss(Batch(fake)).total.detach()) == pytest.approx(-1.51, rel=1e-6)
    gan.after_discriminator_step(loss)
    assert linear.weight.tolist() == [[pytest.approx(0.01), pytest.approx(-0.005)]]


def test_weight_norm_without_gain_equals_torchs_with_gain_1() -> None:
    torch.manual_seed(0)
    layer, torchs = nn.Conv2d(3, 5, 4), nn.Conv2d(3, 5, 4)
    torchs.load_state_dict(layer.state_dict())
    torchs = nn.utils.parametrizations.weight_norm(torchs)
    torchs.parametrizations["weight"].original0.data.fill_(1.0)
    ours = weight_norm.UnitWeights()(layer.weight)
    assert torch.allclose(ours, torchs.weight, atol=1e-6)
    by_hand = weight_norm.UnitWeights()(torch.tensor([[3.0, 4.0], [0.0, -2.0]]))
    assert torch.allclose(by_hand, torch.tensor([[0.6, 0.8], [0.0, -1.0]]))


def test_every_layer_of_a_weight_normalised_discriminator_has_unit_rows() -> None:
    gan = weight_norm.GAN(SHAPE, NARROW, weight_norm.Options(discriminator_steps=None, loss="hinge"))
    layers = [layer for layer in gan.discriminator.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 6
    for layer in layers:
        assert torch.allclose(layer.weight.flatten(1).norm(dim=1), torch.ones(len(layer.weight)), atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
def test_the_orthonormal_penalty_is_a_sum_over_singular_values_by_hand(shape: tuple[int, int]) -> None:
    matrix = torch.zeros(shape)
    matrix[0, 0], matrix[1, 1] = 2.0, 0.5
    # (4 - 1)^2 + (1/4 - 1)^2
    assert float(orthonormal.compute_orthonormality(matrix)) == pytest.approx(9.0 + 0.5625)


def test_the_orthonormal_penalty_has_the_gradient_of_equation_10() -> None:
    weight = torch.randn(2, 3, 2, 2, requires_grad=True)
    (ours,) = torch.autograd.grad(orthonormal.compute_orthonormality(weight), weight)
    matrix = weight.flatten(1)
    printed = (matrix.T @ matrix - torch.eye(12)).square().sum()
    assert torch.allclose(ours, torch.autograd.grad(printed, weight)[0], atol=1e-4)


def test_the_lipschitz_constant_multiplies_every_score() -> None:
    scores = []
    for constant in (1.0, 3.0):
        torch.manual_seed(0)
        gan = sngan.GAN(SHAPE, NARROW, SNGAN.model_copy(update={"lipschitz_constant": constant}))
        gan.before_discriminator_step()
        scores.append(gan.discriminator(torch.ones(2, *SHAPE)))
    assert torch.allclose(scores[1], 3.0 * scores[0], rtol=1e-5)


def test_a_step_runs_as_many_power_iterations_as_the_option_says() -> None:
    states = []
    for iterations, updates in ((3, 1), (1, 3)):
        torch.manual_seed(0)
        gan = sngan.GAN(SHAPE, NARROW, SNGAN.model_copy(update={"power_iterations": iterations}))
        for _ in range(updates):
            gan.before_discriminator_step()
        states.append(gan.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_normalised_generator_has_spectral_norm_1_and_its_exported_weights_make_the_same_images() -> None:
    torch.manual_seed(0)
    gan = sngan.GAN(SHAPE, NARROW, SNGAN.model_copy(update={"normalise_generator": True}))
    before = gan.generator.get_submodule("first").weight.clone()  # type: ignore[operator]
    gan.generator_loss(Batch(gan.generator(torch.randn(4, 16)))).total.backward()
    torch.optim.Adam(gan.generator.parameters(), 0.01).step()
    gan.before_generator_step()
    assert not torch.equal(gan.generator.get_submodule("first").weight, before)  # type: ignore[arg-type]
    plain = build_generator(SHAPE, NARROW)
    plain.load_state_dict(export_state(gan.generator))
    z = torch.randn(4, 16)
    # The images differ in the last bits, because a forward pass right after a power iteration uses the cached sigma.
    torch.testing.assert_close(plain.eval()(z), gan.generator.eval()(z), rtol=1e-5, atol=1e-6)
    layers = [m for m in plain.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    assert len(layers) == 4
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(norm) == pytest.approx(1.0, rel=0.1)


def test_a_critic_has_no_batch_norm_and_scores_each_image_by_itself() -> None:
    gan = wgan_gp.GAN(
        SHAPE,
        NARROW,
        wgan_gp.Options(discriminator_steps=None, gradient_penalty_weight=10.0, full_precision_penalty=True),
    )
    images = torch.randn(4, *SHAPE)
    assert torch.allclose(gan.discriminator(images)[1:2], gan.discriminator(images[1:2]), atol=1e-6)


def test_sngan_has_no_batch_norm_in_its_discriminator_and_scores_an_image_by_one_number() -> None:
    gan = sngan.GAN(SHAPE, NARROW, SNGAN)
    kinds = {type(layer) for layer in gan.discriminator.modules()}
    assert not kinds & {nn.BatchNorm2d, BatchNormWithoutGain}
    assert gan.discriminator(torch.randn(5, *SHAPE)).shape == (5,)


def test_ebgans_margin_is_applied_to_each_image_not_to_the_mean() -> None:
    gan = ebgan.GAN(SHAPE, NARROW, EBGAN)
    gan.discriminator = ZeroAutoEncoder()  # type: ignore[assignment]
    # The energies are 0 and 2.25, the hinges 1 and 0, and their mean 0.5; the hinge of the mean energy would be 0.
    loss = gan.discriminator_loss(grey(0.5, 0.5), grey(0.0, 1.5), torch.Generator())
    assert float(loss.total) == pytest.approx(0.25 + 0.5)


def test_ebgans_generator_gets_the_gradient_through_both_sides_of_the_energy() -> None:
    gan = ebgan.GAN(SHAPE, NARROW, EBGAN.model_copy(update={"pull_away_weight": 0.0}))
    gan.discriminator = HalvingAutoEncoder()  # type: ignore[assignment]
    fake = grey(0.8, 0.4).images.requires_grad_(True)
    gan.generator_loss(Batch(fake)).total.backward()
    # The energy (x - x/2)^2 has slope x/2, averaged over 2 * 784 pixels; with a detached target it would be x.
    assert fake.grad is not None
    assert torch.allclose(fake.grad, fake.detach() / 2 / (2 * 784), atol=1e-8)


def test_pull_away_is_one_for_equal_codes_and_zero_for_orthogonal_ones() -> None:
    assert float(
        ebgan.compute_pull_away(torch.tensor([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]))
    ) == pytest.approx(1.0)
    assert float(ebgan.compute_pull_away(torch.eye(4))) == pytest.approx(0.0)


def test_pull_away_by_hand() -> None:
    # The cosines are 0.6 between the first two codes, and 0 and 0.8 with the third.
    codes = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 5.0]])
    assert float(ebgan.compute_pull_away(codes)) == pytest.approx((0.36 + 0.0 + 0.64) / 3, rel=1e-6)


def test_began_weights_generated_images_by_k_and_moves_k_by_hand() -> None:
    gan = began.GAN(SHAPE, NARROW, BEGAN)
    gan.discriminator = ZeroAutoEncoder()
    gan.k.fill_(0.5)
    loss = gan.discriminator_loss(grey(0.8, 0.4), grey(0.1, 0.3), torch.Generator())
    assert float(loss.total) == pytest.approx(0.6 - 0.5 * 0.2)
    assert float(loss.diagnostics["convergence"]) == pytest.approx(0.6 + abs(0.5 * 0.6 - 0.2))
    gan.after_discriminator_step(loss)
    assert float(gan.k) == pytest.approx(0.5 + 0.1 * (0.5 * 0.6 - 0.2))


def test_k_stays_within_zero_and_one_and_is_part_of_the_state() -> None:
    gan = began.GAN(SHAPE, NARROW, BEGAN)
    gan.discriminator = ZeroAutoEncoder()
    for _ in range(3):
        gan.after_discriminator_step(gan.discriminator_loss(grey(0.0), grey(1.0), torch.Generator()))
    assert float(gan.k) == 0.0
    for _ in range(50):
        gan.after_discriminator_step(gan.discriminator_loss(grey(1.0), grey(0.0), torch.Generator()))
    assert float(gan.k) == 1.0
    assert "k" in gan.state_dict()


def run_began(gan: began.GAN, levels: list[float], discriminator_steps: int = 1) -> list[float]:
    """Show BEGAN one grey level a generator step; return the learning rate, of 0.001 at first, after each."""
    gan.discriminator = ZeroAutoEncoder()
    rates = []
    for step, level in enumerate(levels, start=1):
        for _ in range(discriminator_steps):
            gan.after_discriminator_step(gan.discriminator_loss(grey(level), grey(0.0), torch.Generator()))
        before = gan.schedule_learning_rate(0.001)
        has_changed = gan.end_generator_step(step)
        rates.append(gan.schedule_learning_rate(0.001))
        assert has_changed or rates[-1] == before
    return rates


def test_began_halves_the_learning_rate_at_the_end_of_a_patience_whose_mean_measure_stalls() -> None:
    gan = began.GAN(SHAPE, NARROW, BEGAN)
    # The patience is four steps. Their means fall once, and stay once; the last steps alone would say otherwise.
    rates = run_began(gan, [0.8, 0.8, 0.8, 0.1, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert rates == [0.001] * 11 + [0.0005]


@pytest.mark.parametrize("discriminator_steps", [1, 2, 5])
def test_discriminator_steps_do_not_shorten_begans_patience(discriminator_steps: int) -> None:
    gan = began.GAN(SHAPE, NARROW, BEGAN)
    assert run_began(gan, [0.4] * 8, discriminator_steps) == [0.001] * 7 + [0.0005]


def test_began_lowers_no_learning_rate_below_the_minimum() -> None:
    gan = began.GAN(SHAPE, NARROW, BEGAN)
    assert run_began(gan, [0.4] * 40)[-1] == 0.0005
    assert float(gan.learning_rate_factor) == 0.5**9
    assert gan.schedule_learning_rate(0.0001) == 0.0001
    assert gan.schedule_learning_rate(1.0) == 0.5**9
