"""The extractor `clip`: the image encoder of a CLIP, with which CMMD is defined.

The features are the projected embeddings before any scaling to unit length. Radford et al. 2021, "Learning Transferable
Visual Models From Natural Language Supervision"; for CMMD Jayasumana et al. 2024, who take ViT-L/14 at 336 pixels. The
network is open_clip's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from stages.common.artifacts import EXTRACTOR
from stages.scores.card import Card
from stages.scores.classifier import Network
from stages.scores.extractor_zoo import PublishedOptions, import_extra
from stages.scores.resizes import CLIP, Resize
from stages.scores.vision_transformer import VisionTransformer, check_shapes, describe_transformer
from stages.scores.weights_files import PublishedFile, read_published_weights, write_weights

PREFIX = "visual."
# The side of the input in pixels and the number of features, by open_clip's names, from small to large. Names that end
# in `quickgelu` belong to OpenAI's networks; the others have the activation of LAION's and DataComp's weights.
SIZES = {
    "ViT-B-32": (224, 512),
    "ViT-B-16": (224, 512),
    "ViT-L-14": (224, 768),
    "ViT-L-14-336": (336, 768),
}
QUICK = "-quickgelu"
# OpenAI's files; the folder in each address is the file's sha256, which OpenAI's own code compares.
ADDRESS = "https://openaipublic.azureedge.net/clip/models/{sha256}/{file}"
PUBLISHED = {
    "ViT-B-32": ("40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", "ViT-B-32.pt", "338 MB"),
    "ViT-B-16": ("5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f", "ViT-B-16.pt", "335 MB"),
    "ViT-L-14": ("b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", "ViT-L-14.pt", "890 MB"),
    "ViT-L-14-336": (
        "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
        "ViT-L-14-336px.pt",
        "891 MB",
    ),
}


class Options(PublishedOptions):
    """The choice of the CLIP network and of its resize.

    Attributes:
        model: open_clip's name of the network; a name that ends in `quickgelu` is OpenAI's network, which can be
            downloaded.
        resize: `pillow_bicubic` as in OpenAI's code and open_clip, or `torch_bicubic`, which is closest to the code of
            CMMD's authors.
    """

    model: Literal[
        "ViT-B-32-quickgelu",
        "ViT-B-32",
        "ViT-B-16-quickgelu",
        "ViT-B-16",
        "ViT-L-14-quickgelu",
        "ViT-L-14",
        "ViT-L-14-336-quickgelu",
        "ViT-L-14-336",
    ]
    resize: Resize

    def count_features(self) -> int:
        """Return D."""
        return SIZES[self.model.removesuffix(QUICK)][1]


def make(options: Options, device: torch.device, folder: Path = EXTRACTOR) -> Card:
    """Check the weights and write those of the image encoder.

    Raises:
        InputError: open_clip is not installed, or the weights are missing or another network's.
    """
    # On the meta device the network has names and shapes, but no memory.
    with torch.device("meta"):
        network = build_network(options.model)
    file = find_published(options.model)
    weights = read_published_weights(options, file)
    state = {
        name.removeprefix(PREFIX): value for name, value in weights.state.items() if name.startswith(PREFIX)
    }
    check_shapes(state, network.state_dict(), options.weights_path or file.url, f"CLIP {options.model}")
    return describe_transformer(
        name="clip",
        title=f"the image encoder of CLIP {options.model}, its projected embedding",
        feature_dimension=options.count_features(),
        weights_sha256=weights.sha256,
        file_sha256=write_weights(state, folder),
        model=options.model,
        image_size=SIZES[options.model.removesuffix(QUICK)][0],
        resize=options.resize,
        normalisation=CLIP,
    )


def load(card: Card, state: Mapping[str, Tensor], device: torch.device) -> Network:
    """Build the network that a card describes from its weights.

    Raises:
        InputError: open_clip is not installed.
        RuntimeError: the weights are those of another network.
    """
    assert card.model is not None
    # The network on the meta device adopts the given tensors, without a random initialisation before.
    with torch.device("meta"):
        network = build_network(card.model)
    network.load_state_dict(state, assign=True)
    return VisionTransformer(network, card, CLIP, device)


def find_published(model: str) -> PublishedFile:
    """Find the published file of a model's weights; for weights other than OpenAI's, no checksum is known here."""
    sha256, name, size = PUBLISHED[model.removesuffix(QUICK)]
    if not model.endswith(QUICK):
        return PublishedFile("clip", f"open_clip's weights of {model}", None, size)
    return PublishedFile("clip", ADDRESS.format(sha256=sha256, file=name), sha256, size)


def draw_weights(options: Options) -> Mapping[str, Tensor]:
    """Draw random weights of the names and shapes of the published ones; for tests."""
    return {f"{PREFIX}{name}": value for name, value in build_network(options.model).state_dict().items()}


def build_network(model: str) -> nn.Module:
    """Build open_clip's image encoder alone, with random weights.

    Raises:
        InputError: open_clip is not installed.
    """
    open_clip = import_extra("open_clip", "clip")
    config = open_clip.get_model_config(model)
    tower: dict[str, Any] = config["vision_cfg"]
    width = tower["width"]
    network: nn.Module = open_clip.transformer.VisionTransformer(
        image_size=tower["image_size"],
        patch_size=tower["patch_size"],
        width=width,
        layers=tower["layers"],
        heads=width // tower.get("head_width", 64),
        mlp_ratio=tower.get("mlp_ratio", 4.0),
        output_dim=config["embed_dim"],
        act_layer=open_clip.transformer.QuickGELU if config.get("quick_gelu") else nn.GELU,
    )
    return network
