"""The extractor `dinov2`: a DINOv2 vision transformer, whose Fréchet distance is the field's FD-DINOv2.

The features are the class token after the last layer norm. Oquab et al. 2023, "DINOv2: Learning Robust Visual Features
without Supervision"; for scores Stein et al. 2023, "Exposing flaws of generative model evaluation metrics and their
unfair treatment of diffusion models". The network is timm's; the position embedding is interpolated as in the authors'
code, which dgm-eval and EDM2 use, and not as timm would.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn.functional import interpolate

from stages.common.artifacts import EXTRACTOR
from stages.scores.card import Card
from stages.scores.classifier import Network
from stages.scores.extractor_zoo import PublishedOptions, import_extra
from stages.scores.resizes import IMAGENET, Resize
from stages.scores.vision_transformer import VisionTransformer, check_shapes, describe_transformer
from stages.scores.weights_files import PublishedFile, read_published_weights, write_weights

PATCH = 14
# The authors' names, from small to large, with timm's and the number of features.
MODELS = {
    "vits14": ("vit_small_patch14_dinov2", 384),
    "vitb14": ("vit_base_patch14_dinov2", 768),
    "vitl14": ("vit_large_patch14_dinov2", 1024),
}
# This project knows no trustworthy source of these files' checksums.
URL = "https://dl.fbaipublicfiles.com/dinov2/dinov2_{model}/dinov2_{model}_pretrain.pth"
# The authors add this offset to the size, because older versions of torch rounded; published features depend on it.
OFFSET = 0.1
# These weights serve only masked training.
UNUSED = ("mask_token",)


class Options(PublishedOptions):
    """The choice of the DINOv2 network, of its input size and of its resize.

    Attributes:
        model: ViT-S, ViT-B or ViT-L with patches of 14 pixels.
        image_size: side of the network's input in pixels; 224 in dgm-eval and EDM2.
        resize: `pillow_bicubic` as in dgm-eval, or `torch_bicubic` as in EDM2, which is faster on a GPU.
    """

    model: Literal["vits14", "vitb14", "vitl14"]
    image_size: int = Field(ge=PATCH, le=1022)
    resize: Resize

    @field_validator("image_size")
    @classmethod
    def _check_size(cls, size: int) -> int:
        if size % PATCH:
            raise ValueError(
                f"{size} is not a multiple of {PATCH}, the side of a patch; the field's size is 224"
            )
        return size

    def count_features(self) -> int:
        """Return D."""
        return MODELS[self.model][1]


def make(options: Options, device: torch.device, folder: Path = EXTRACTOR) -> Card:
    """Check the published weights and write them for the input's size.

    Raises:
        InputError: timm is not installed, or the weights are missing or another network's.
    """
    # On the meta device the network has names and shapes, but no memory.
    with torch.device("meta"):
        network = build_network(options.model, options.image_size)
    file = PublishedFile("dinov2", URL.format(model=options.model), None, "84 MB to 1.2 GB")
    weights = read_published_weights(options, file)
    state = {name: value for name, value in weights.state.items() if name not in UNUSED}
    if "pos_embed" in state:
        state["pos_embed"] = interpolate_positions(state["pos_embed"], options.image_size // PATCH)
    source = options.weights_path or file.url
    check_shapes(state, network.state_dict(), source, f"DINOv2 {options.model}")
    return describe_transformer(
        name="dinov2",
        title=f"DINOv2 {options.model}, its class token",
        feature_dimension=options.count_features(),
        weights_sha256=weights.sha256,
        file_sha256=write_weights(state, folder),
        model=options.model,
        image_size=options.image_size,
        resize=options.resize,
        normalisation=IMAGENET,
    )


def load(card: Card, state: Mapping[str, Tensor], device: torch.device) -> Network:
    """Build the network that a card describes from its weights.

    Raises:
        InputError: timm is not installed.
        RuntimeError: the weights are those of another network.
    """
    assert card.model is not None and card.image_size is not None
    # The network on the meta device adopts the given tensors, without a random initialisation before.
    with torch.device("meta"):
        network = build_network(card.model, card.image_size)
    network.load_state_dict(state, assign=True)
    return VisionTransformer(network, card, IMAGENET, device)


def draw_weights(options: Options) -> Mapping[str, Tensor]:
    """Draw random weights of the names and shapes of the published ones, but for the input's own size; for tests."""
    return build_network(options.model, options.image_size).state_dict()


def build_network(model: str, image_size: int) -> nn.Module:
    """Build timm's network, with random weights, for input of one size.

    Raises:
        InputError: timm is not installed.
    """
    timm = import_extra("timm", "dinov2")
    network: nn.Module = timm.create_model(
        MODELS[model][0], pretrained=False, num_classes=0, img_size=image_size
    )
    return network


def interpolate_positions(embedding: Tensor, side: int) -> Tensor:
    """Interpolate a position embedding, [1, 1 + N, D] of N patches in a square, to a square of `side` x `side`.

    Source: `interpolate_pos_encoding` in dinov2/models/vision_transformer.py of facebookresearch/dinov2, with the
        defaults of its hub: bicubic, without antialiasing, and with the offset.
    """
    first, patches = embedding[:, :1], embedding[:, 1:]
    count = patches.shape[1]
    before = round(count**0.5)
    if before == side or before**2 != count:
        return embedding
    square = patches.reshape(1, before, before, -1).permute(0, 3, 1, 2)
    scale = (side + OFFSET) / before
    square = interpolate(square.float(), scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([first, square.permute(0, 2, 3, 1).reshape(1, side * side, -1)], dim=1)
