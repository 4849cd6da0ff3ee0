"""The field's extractor: InceptionV3 with the weights ported from TensorFlow, through torch-fidelity."""

import io
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from stages.scores.classifier import Extracted


class Inception(nn.Module):
    """Pooled features [N, 2048] and logits without bias [N, 1008] of images of any size, grey or colour.

    Images are resized to 299 x 299 as TensorFlow 1 did it; grey ones are repeated in all three channels.

    Source: Heusel et al. 2017 (features) and Salimans et al. 2016 (logits), as in torch-fidelity.
    """

    def __init__(self, weights: Path) -> None:
        """Build the network.

        Args:
            weights: a safetensors file of torch-fidelity's state dict.
        """
        super().__init__()
        # torch-fidelity unpickles whatever file it is given, so it is given only what we have just written.
        pickled = io.BytesIO()
        torch.save(load_file(weights), pickled)
        pickled.seek(0)
        self.network = FeatureExtractorInceptionV3(
            "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=pickled
        )

    def forward(self, pixels: Tensor) -> Extracted:
        """Look at images uint8 [N, 1 or 3, H, W]."""
        features, logits = self.network(pixels.expand(-1, 3, -1, -1))
        return Extracted(features, logits)
