"""Batch norm and layer norm without a gain."""

import pytest
import torch
from torch import nn

from stages.networks.normalisers import BatchNormWithoutGain, LayerNormWithoutGain


def test_batch_norm_gives_every_channel_mean_offset_and_variance_one() -> None:
    norm = BatchNormWithoutGain(3, 5)
    with torch.no_grad():
        norm.offset.copy_(torch.tensor([0.0, 1.0, -2.0]))
    maps = norm(7.0 + 3.0 * torch.randn(64, 3, 5, 5))
    assert torch.allclose(maps.mean((0, 2, 3)), torch.tensor([0.0, 1.0, -2.0]), atol=1e-5)
    assert torch.allclose(maps.var((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-4)


def test_layer_norm_normalises_each_image_by_itself() -> None:
    # The layer norm of the published report's code accepted only matrices but was called with feature maps.
    maps = torch.randn(4, 3, 5, 5) * torch.tensor([1.0, 2.0, 5.0, 9.0]).view(4, 1, 1, 1)
    norm = LayerNormWithoutGain(3, 5)
    together, alone = norm(maps), norm(maps[2:3])
    assert torch.allclose(together[2:3], alone, atol=1e-6)
    assert torch.allclose(together.flatten(1).std(1, unbiased=False), torch.ones(4), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layer_norm_in_channels_last_has_the_same_values_and_keeps_layout_and_dtype(
    dtype: torch.dtype,
) -> None:
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
def test_a_normaliser_has_the_same_values_and_gradients_on_a_gpu_as_on_a_cpu(
    norm: type[BatchNormWithoutGain | LayerNormWithoutGain],
) -> None:
    torch.manual_seed(0)
    maps, gradient = (
        part.contiguous(memory_format=torch.channels_last) for part in torch.randn(2, 8, 3, 5, 5)
    )
    found = {}
    for device in ("cpu", "cuda"):
        layer, images = norm(3, 5).to(device), maps.detach().clone().to(device).requires_grad_(True)
        result = layer(images)
        result.backward(gradient.to(device))
        assert layer.offset.grad is not None and images.grad is not None
        found[device] = [part.cpu() for part in (result.detach(), layer.offset.grad, images.grad)]
    torch.testing.assert_close(found["cuda"], found["cpu"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("norm", [BatchNormWithoutGain, LayerNormWithoutGain])
def test_a_normaliser_of_a_discriminator_has_an_offset_and_no_gain(norm: type[nn.Module]) -> None:
    assert [name for name, _ in norm(3, 5).named_parameters()] == ["offset"]
