"""InceptionV3 with the weights ported from TensorFlow that published FIDs use, optimised without a compiler.

Batch norm is folded into the convolutions, and the memory format is channels last. On a CPU the convolutions are
oneDNN's, with prepacked weights and a fused ReLU. Where the network averages a feature map and then applies a 1 x 1
convolution, the convolution comes first: both are linear, and the map has fewer channels afterwards.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d

from stages.scores.card import INCEPTION_CLASSES, INCEPTION_FEATURES
from stages.scores.classifier import ExtractorOutput
from stages.scores.exact_precision import exact_float32
from stages.scores.extra_scores import SPATIAL_CHANNELS
from stages.scores.tensorflow_resize import resize_bilinear

Precision = Literal["float32", "bfloat16"]

SIDE = 299
BATCH_NORM_EPSILON = 0.001
# The feature maps of more images do not fit a CPU's caches; a GPU computes many images at once.
IMAGES_AT_A_TIME = {"cpu": 25}
DEFAULT_IMAGES_AT_A_TIME = 250

STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
BLOCKS = {
    **dict.fromkeys(("Mixed_5b", "Mixed_5c", "Mixed_5d"), "A"),
    "Mixed_6a": "B",
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), "C"),
    "Mixed_7a": "D",
    **dict.fromkeys(("Mixed_7b", "Mixed_7c"), "E"),
}
BRANCHES = {
    "A": "branch1x1 branch5x5_1 branch5x5_2 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3 branch_pool",
    "B": "branch3x3 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3",
    "C": "branch1x1 branch7x7_1 branch7x7_2 branch7x7_3 branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 "
    "branch7x7dbl_4 branch7x7dbl_5 branch_pool",
    "D": "branch3x3_1 branch3x3_2 branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4",
    "E": "branch1x1 branch3x3_1 branch3x3_2a branch3x3_2b branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3a "
    "branch3x3dbl_3b branch_pool",
}
STRIDE_2 = {
    "Conv2d_1a_3x3",
    "Mixed_6a.branch3x3",
    "Mixed_6a.branch3x3dbl_3",
    "Mixed_7a.branch3x3_2",
    "Mixed_7a.branch7x7x3_4",
}
UNPADDED = STRIDE_2 | {"Conv2d_2a_3x3", "Conv2d_4a_3x3"}
# The last block pools by the maximum, all blocks before it by the mean.
LAST_BLOCK = "Mixed_7c"
# The first branch of this block is the tensor mixed_6/conv of TensorFlow's network, whose first channels sFID uses.
SPATIAL_BLOCK = "Mixed_6d"


class Inception:
    """A network from images of any size, grey or colour, to features [N, 2048] and logits without bias [N, 1008].

    Images are resized to 299 x 299 by TensorFlow 1's algorithm; grey ones are repeated in all three channels.

    Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"; the pooling is
        that of the network of 2015-12-05, which Heusel et al. 2017 (features) and Salimans et al. 2016 (logits) used.
    """

    def __init__(self, state: Mapping[str, Tensor], device: torch.device, precision: Precision) -> None:
        """Build the network.

        Args:
            state: the state dict that torch-fidelity and pytorch-fid publish.
            device: where the network computes.
            precision: the precision of the convolutions; pooling to features, and logits, are always in float32.

        Raises:
            RuntimeError: the weights are those of another network.
        """
        _check_names(state)
        self._device = device
        self._dtype = getattr(torch, precision)
        self._layers = {name: _Convolution(name, state, device, self._dtype) for name in _list_names()}
        self._to_logits = state["fc.weight"].to(device).T

    def __call__(self, pixels: Tensor) -> ExtractorOutput:
        """Compute features and logits of images, uint8 [N, 1 or 3, H, W], on the network's device."""
        size = IMAGES_AT_A_TIME.get(self._device.type, DEFAULT_IMAGES_AT_A_TIME)
        with torch.inference_mode(), exact_float32(self._device):
            parts = [self._forward(part) for part in pixels.split(size)]
            features, spatial = (torch.cat(outputs) for outputs in zip(*parts, strict=True))
            return ExtractorOutput(features, features @ self._to_logits, spatial)

    def _forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Compute pooled features [N, 2048] and spatial ones [N, 2023], those of sFID (Nash et al. 2021)."""
        maps = (resize_bilinear(pixels, SIDE) - 128.0).div_(128.0).expand(-1, 3, -1, -1)
        maps = maps.to(self._dtype).contiguous(memory_format=torch.channels_last)
        for name in STEM:
            maps = self._layers[name](maps)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                maps = max_pool2d(maps, kernel_size=3, stride=2)
        for name in BLOCKS:
            maps = self._forward_block(name, maps)
            if name == SPATIAL_BLOCK:
                spatial = maps[:, :SPATIAL_CHANNELS].float().flatten(1)
        return maps.float().mean(dim=(2, 3)), spatial

    def _forward_block(self, block: str, maps: Tensor) -> Tensor:
        def apply(branch: str, *parts: str, start: Tensor = maps) -> Tensor:
            for part in parts or ("",):
                start = self._layers[f"{block}.{branch}{part}"](start)
            return start

        match BLOCKS[block]:
            case "A":
                branches = [apply("branch1x1"), apply("branch5x5", "_1", "_2")]
                branches += [apply("branch3x3dbl", "_1", "_2", "_3"), self._pool_branch(block, maps)]
            case "B":
                branches = [apply("branch3x3"), apply("branch3x3dbl", "_1", "_2", "_3")]
                branches += [max_pool2d(maps, kernel_size=3, stride=2)]
            case "C":
                branches = [apply("branch1x1"), apply("branch7x7", "_1", "_2", "_3")]
                branches += [
                    apply("branch7x7dbl", "_1", "_2", "_3", "_4", "_5"),
                    self._pool_branch(block, maps),
                ]
            case "D":
                branches = [apply("branch3x3", "_1", "_2"), apply("branch7x7x3", "_1", "_2", "_3", "_4")]
                branches += [max_pool2d(maps, kernel_size=3, stride=2)]
            case _:
                narrow, wide = apply("branch3x3", "_1"), apply("branch3x3dbl", "_1", "_2")
                branches = [apply("branch1x1")]
                branches += [apply("branch3x3", part, start=narrow) for part in ("_2a", "_2b")]
                branches += [apply("branch3x3dbl", part, start=wide) for part in ("_3a", "_3b")]
                branches += [self._pool_branch(block, maps)]
        return torch.cat(branches, dim=1)

    def _pool_branch(self, block: str, maps: Tensor) -> Tensor:
        """Apply a block's pooling branch: 3 x 3 pooling without counting the padding, and a 1 x 1 convolution."""
        convolve = self._layers[f"{block}.branch_pool"]
        if block == LAST_BLOCK:
            return convolve(max_pool2d(maps, kernel_size=3, stride=1, padding=1))
        return avg_pool2d(convolve(maps), kernel_size=3, stride=1, padding=1, count_include_pad=False).relu_()


class _Convolution:
    """A convolution with its batch norm folded in, followed by ReLU unless average pooling comes first."""

    def __init__(
        self, name: str, state: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
    ) -> None:
        bn = {
            key: state[f"{name}.bn.{key}"].double()
            for key in ("weight", "bias", "running_mean", "running_var")
        }
        scale = bn["weight"] / (bn["running_var"] + BATCH_NORM_EPSILON).sqrt()
        weight = state[f"{name}.conv.weight"].double() * scale[:, None, None, None]
        self._weight = weight.to(device, dtype).contiguous(memory_format=torch.channels_last)
        self._bias = (bn["bias"] - bn["running_mean"] * scale).to(device, dtype)
        self._stride = 2 if name in STRIDE_2 else 1
        height, width = weight.shape[2:]
        self._padding = (0, 0) if name in UNPADDED else (height // 2, width // 2)
        self._activation = "none" if name.endswith("branch_pool") and LAST_BLOCK not in name else "relu"
        self._is_packed = False
        self._is_packable = _has_packed_convolutions(device, dtype)

    def __call__(self, maps: Tensor) -> Tensor:
        if not self._is_packable:
            maps = conv2d(maps, self._weight, self._bias, self._stride, self._padding)
            return maps.relu_() if self._activation == "relu" else maps
        # Padding, stride, dilation and groups.
        geometry = self._padding, (self._stride, self._stride), (1, 1), 1
        if not self._is_packed:
            self._weight = torch.ops.mkldnn._reorder_convolution_weight(
                self._weight.contiguous(), *geometry, list(maps.shape)
            )
            self._is_packed = True
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            maps, self._weight, self._bias, *geometry, self._activation, [], ""
        )
        return result


def _has_packed_convolutions(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether this version of torch has oneDNN's prepacked convolutions, which torch's compiler uses."""
    mkldnn = torch.ops.mkldnn
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if not all(hasattr(mkldnn, name) for name in ("_reorder_convolution_weight", "_convolution_pointwise")):
        return False
    return dtype == torch.float32 or bool(mkldnn._is_mkldnn_bf16_supported())


def _list_names() -> Iterable[str]:
    yield from STEM
    for block, kind in BLOCKS.items():
        yield from (f"{block}.{branch}" for branch in BRANCHES[kind].split())


def _check_names(state: Mapping[str, Tensor]) -> None:
    found = {name.removesuffix(".conv.weight") for name in state if name.endswith(".conv.weight")}
    odd = found ^ set(_list_names()) or {"fc.weight"} - state.keys()
    if odd:
        raise RuntimeError(f"these are not the weights of this network: {min(odd)} is missing or unknown")
    if tuple(state["fc.weight"].shape) != (INCEPTION_CLASSES, INCEPTION_FEATURES):
        raise RuntimeError(f"fc.weight is {list(state['fc.weight'].shape)}, and not that of this network")
    for name in found:
        if state[f"{name}.conv.weight"].shape[:1] != state[f"{name}.bn.weight"].shape:
            raise RuntimeError(f"{name}.conv.weight does not fit its batch norm")
