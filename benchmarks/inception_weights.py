"""Random weights for tests and benchmarks of the Inception extractor, so that the published ones need no download."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

FEATURES = ["2048", "logits_unbiased"]


@contextmanager
def build_peer(state: dict[str, Tensor] | None = None) -> Iterator[FeatureExtractorInceptionV3]:
    """Yield torch-fidelity's network with the weights of a state dict, or with its initial weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: state)
        if state is None:
            patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        yield FeatureExtractorInceptionV3("test", FEATURES, feature_extractor_weights_path=io.BytesIO())


def draw_images(count: int, side: int, channels: int = 3, seed: int = 0) -> Tensor:
    """Draw smooth images uint8 [N, C, side, side]."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 5, 5, generator=random) * 255
    return nn.functional.interpolate(coarse, size=(side, side), mode="bilinear").to(torch.uint8)


def make_weights(seed: int = 0) -> dict[str, Tensor]:
    """Draw weights that keep the scale of feature maps: He's initialisation, with batch norm's statistics from images.

    Batch norm's shifts are about 1, so that most of a map is above 0. With shifts about 0 a random network of this
    depth amplifies rounding errors, unlike a trained one: torch-fidelity's float32 is then 1e-5 off its float64.
    """
    random = torch.Generator().manual_seed(seed)
    with build_peer() as network:
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.normal_(0.0, (2.0 / module.weight[0].numel()) ** 0.5, generator=random)
            if isinstance(module, nn.BatchNorm2d):
                module.bias.normal_(1.0, 0.3, generator=random)
                module.weight.uniform_(0.7, 1.3, generator=random)
                module.momentum = 1.0
                module.train()
        network.fc.weight.normal_(0.0, 2048**-0.5, generator=random)
        with torch.inference_mode():
            network(draw_images(6, 32, seed=1))
        weights: dict[str, Tensor] = network.state_dict()
    return weights
