"""The initial weights follow Glorot's rule."""

import pytest
from torch import nn

from stages.networks.weights import init_weights


def test_initial_weights_have_glorots_standard_deviation_and_biases_are_zero() -> None:
    layer = nn.Linear(300, 100)
    init_weights(layer)
    assert float(layer.weight.detach().std()) == pytest.approx((2 / 400) ** 0.5, rel=0.05)
    assert float(layer.bias.detach().abs().max()) == 0.0
