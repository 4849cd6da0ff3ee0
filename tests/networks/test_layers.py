import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from stages.networks.discriminator import ConvDiscriminator
from stages.networks.normalisers import BatchNormWithoutGain, LayerNormWithoutGain
from stages.networks.params import NetworksParams
from stages.networks.spectral_norm import SpectralNorm, add_spectral_norm, run_power_iterations
from stages.networks.weights import init_weights

NARROW = NetworksParams(architecture="standard", z_dimension=16, width=4, negative_slope=0.1)


def test_batch_norm_gives_every_channel_mean_offset_and_variance_one() -> None:
    norm = BatchNormWithoutGain(3, 5)
    with torch.no_grad():
        norm.offset.copy_(torch.tensor([0.0, 1.0, -2.0]))
    maps = norm(7.0 + 3.0 * torch.randn(64, 3, 5, 5))
    assert torch.allclose(maps.mean((0, 2, 3)), torch.tensor([0.0, 1.0, -2.0]), atol=1e-5)
    assert torch.allclose(maps.var((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-4)


def test_layer_norm_treats_feature_maps_image_by_image() -> None:
    # The report's layer norm took matrices only and was called on feature maps.
    maps = torch.randn(4, 3, 5, 5) * torch.tensor([1.0, 2.0, 5.0, 9.0]).view(4, 1, 1, 1)
    norm = LayerNormWithoutGain(3, 5)
    together, alone = norm(maps), norm(maps[2:3])
    assert torch.allclose(together[2:3], alone, atol=1e-6)
    assert torch.allclose(together.flatten(1).std(1, unbiased=False), torch.ones(4), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layer_norm_of_a_gpu_agrees_and_keeps_layout_and_precision(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    norm = LayerNormWithoutGain(3, 5)
    with torch.no_grad():
        norm.offset.normal_()
    maps = torch.randn(4, 3, 5, 5).to(dtype, memory_format=torch.channels_last)
    normalised = norm._normalise_channels_last(maps)
    assert normalised.dtype == dtype
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(
        normalised.float(), norm(maps.float()), rtol=0, atol=3e-2 if dtype.itemsize == 2 else 1e-5
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("norm", [BatchNormWithoutGain, LayerNormWithoutGain])
def test_a_normaliser_on_a_gpu_has_the_values_and_gradients_of_a_cpu(
    norm: type[BatchNormWithoutGain | LayerNormWithoutGain],
) -> None:
    torch.manual_seed(0)
    maps, gradient = torch.randn(2, 8, 3, 5, 5).to(memory_format=torch.channels_last)
    found = {}
    for device in ("cpu", "cuda"):
        layer, shown = norm(3, 5).to(device), maps.to(device).requires_grad_(True)
        result = layer(shown)
        result.backward(gradient.to(device))
        assert layer.offset.grad is not None and shown.grad is not None
        found[device] = [part.cpu() for part in (result.detach(), layer.offset.grad, shown.grad)]
    torch.testing.assert_close(found["cuda"], found["cpu"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("norm", [BatchNormWithoutGain, LayerNormWithoutGain])
def test_a_normaliser_of_a_discriminator_has_an_offset_and_no_gain(norm: type[nn.Module]) -> None:
    assert [name for name, _ in norm(3, 5).named_parameters()] == ["offset"]


def test_one_power_iteration_an_update_agrees_with_torch_to_the_last_bits() -> None:
    torch.manual_seed(0)
    theirs = nn.Conv2d(4, 6, 3, bias=False)
    ours = nn.Conv2d(4, 6, 3, bias=False)
    ours.load_state_dict(theirs.state_dict())
    add_spectral_norm(ours)
    parametrizations.spectral_norm(theirs)
    state = theirs.state_dict()
    ours.load_state_dict(
        {
            "parametrizations.weight.original": state["parametrizations.weight.original"],
            "parametrizations.weight.0.u": state["parametrizations.weight.0._u"],
            "parametrizations.weight.0.v": state["parametrizations.weight.0._v"],
        }
    )
    for _ in range(3):
        run_power_iterations(ours)
        expected = theirs.weight  # torch iterates whenever the weight is asked for in training
        assert torch.allclose(ours.weight, expected, rtol=0, atol=1e-7)
        with torch.no_grad():
            for layer in (ours, theirs):
                layer.parametrizations["weight"].original.add_(0.01)  # type: ignore[index, union-attr]


def test_the_gradient_through_the_normalisation_is_torchs() -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 7, requires_grad=True)
    norm = SpectralNorm(weight)
    projection = torch.randn(5, 7)
    (ours,) = torch.autograd.grad((norm(weight) * projection).sum(), weight)
    # Miyato et al. 2018, equation 11, with lambda the inner product of the projection and the normalised weight.
    sigma = norm.sigma(weight)
    share = (projection * weight / sigma).sum()
    assert torch.allclose(ours, (projection - share * torch.outer(norm.u, norm.v)) / sigma, atol=1e-6)


def make_weight(layout: torch.memory_format) -> tuple[torch.Tensor, SpectralNorm]:
    torch.manual_seed(0)
    weight = torch.randn(5, 4, 3, 3, dtype=torch.float64).to(memory_format=layout).requires_grad_(True)
    return weight, SpectralNorm(weight.detach().float()).double()


LAYOUTS = pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last], ids=["plain", "last"]
)


@LAYOUTS
def test_first_and_second_derivatives_of_the_normalisation_are_right(layout: torch.memory_format) -> None:
    weight, norm = make_weight(layout)
    assert torch.autograd.gradcheck(norm, weight)
    assert torch.autograd.gradgradcheck(norm, weight)


def test_the_layout_in_memory_changes_no_vector_nor_norm() -> None:
    (plain, plain_norm), (last, last_norm) = (
        make_weight(torch.contiguous_format),
        make_weight(torch.channels_last),
    )
    for norm, weight in ((plain_norm, plain), (last_norm, last)):
        norm.run_power_iteration(weight)
    assert torch.allclose(plain_norm.u, last_norm.u)
    assert torch.allclose(plain_norm.v, last_norm.v)
    assert torch.allclose(plain_norm(plain), last_norm(last))
    assert last_norm(last).is_contiguous(memory_format=torch.channels_last)


def test_after_warm_up_every_layer_has_spectral_norm_one() -> None:
    torch.manual_seed(0)
    discriminator = ConvDiscriminator((1, 28, 28), NARROW)
    init_weights(discriminator)
    add_spectral_norm(discriminator)
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
    assert len(norms) == 6
    assert norms == pytest.approx([1.0] * 6, rel=0.05)


def test_using_a_normalised_layer_changes_nothing_only_iterating_does() -> None:
    layer = nn.Linear(6, 4)
    add_spectral_norm(layer)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer(torch.randn(3, 6))
    layer.eval()(torch.randn(3, 6))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert any(name.endswith(".u") for name in before), "u is part of the state"


def test_weights_drawn_have_glorots_spread() -> None:
    layer = nn.Linear(300, 100)
    init_weights(layer)
    assert float(layer.weight.detach().std()) == pytest.approx((2 / 400) ** 0.5, rel=0.05)
    assert float(layer.bias.detach().abs().max()) == 0.0


def test_a_weight_changed_after_the_iteration_is_normalised_by_its_own_norm() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)
    add_spectral_norm(layer)
    run_power_iterations(layer)
    with torch.no_grad():
        layer.parametrizations["weight"].original.mul_(3.0)  # type: ignore[index, union-attr]
    assert float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) == pytest.approx(1.0, rel=0.05)
