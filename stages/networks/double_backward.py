"""The gradient of a network with respect to its input, in a form that is cheap to differentiate a second time.

A gradient penalty needs the second derivative. PyTorch's double backward of a convolution, and of a ReLU, also sends a
gradient of zeros to the layer's input of the forward pass, and this gradient travels back through the whole network.
Here the gradients of a convolution are again convolutions, at every order, and the slope of a ReLU is a constant, so
no gradient is sent where it would be zero. Both replacements are needed: either alone saves little. The second
backward pass also stops short of the images.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional
from torch.overrides import TorchFunctionMode

RELU_FUNCTIONS = (functional.relu, torch.relu, Tensor.relu)
REPLACED_FUNCTIONS = (torch.conv2d, functional.leaky_relu, *RELU_FUNCTIONS)


def compute_input_gradient(network: nn.Module, images: Tensor) -> Tensor:
    """Compute the gradient of the sum of a network's scores with respect to the images, as part of the graph.

    The result and its gradients with respect to the network's weights are those of
    `torch.autograd.grad(..., create_graph=True)` up to rounding. The result must not be differentiated with respect to
    the images, because the part of that derivative that belongs to the first convolution is left out.

    Args:
        network: maps images to scores float [N].
        images: float [N, C, H, W], which require a gradient.

    Returns:
        float [N, C, H, W].
    """
    with _DoubleBackwardMode(images) as mode:
        # `network(images)` may run compiled code, which cannot be differentiated twice; `forward` does not.
        scores = network.forward(images)
    mode.is_first_backward = True
    try:
        (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    finally:
        mode.is_first_backward = False
    return gradient


class _DoubleBackwardMode(TorchFunctionMode):
    """Replaces convolutions and ReLUs by the functions of this file while a network's forward pass runs.

    Attributes:
        images: the input of the network; only the first backward pass computes their gradient.
        is_first_backward: whether the first backward pass is running; it computes no gradient of the weights.
    """

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images
        self.is_first_backward = False

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if function not in REPLACED_FUNCTIONS:
            return function(*args, **kwargs)
        maps, *others = args if args else (kwargs.pop("input"),)
        if function is torch.conv2d:
            return self._conv2d(maps, *others, **kwargs)
        if function is functional.leaky_relu:
            return _leaky_relu(maps, *others, **kwargs)
        return _leaky_relu(maps, 0.0)

    def _conv2d(
        self,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        if isinstance(padding, str):
            return torch.conv2d(maps, weight, bias, stride, padding, dilation, groups)
        backward_pass = _BackwardPass(self, maps is self.images)
        maps, weight, bias = (_cast(operand) for operand in (maps, weight, bias))
        conv_args = _ConvArgs(_pair(stride), _pair(padding), _pair(dilation), groups)
        result: Tensor = _Conv2d.apply(maps, weight, bias, conv_args, backward_pass)
        return result


class _BackwardPass(NamedTuple):
    """The gradients of a convolution that the running backward pass needs.

    Attributes:
        mode: the mode, which knows whether the first or the second backward pass is running.
        reads_images: whether the convolution is the network's first.
    """

    mode: _DoubleBackwardMode
    reads_images: bool

    def needs_maps(self) -> bool:
        return self.mode.is_first_backward or not self.reads_images

    def needs_weight(self) -> bool:
        return not self.mode.is_first_backward


def _leaky_relu(maps: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Apply ReLU or leaky ReLU; `inplace` is ignored, because the backward pass needs the input."""
    result: Tensor = _LeakyRelu.apply(maps, negative_slope)
    return result


class _LeakyRelu(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(maps)
        ctx.slope = slope
        return functional.leaky_relu(maps, slope)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (maps,) = ctx.saved_tensors
        return _LeakyReluBackward.apply(gradients[0], maps.detach(), ctx.slope), None


class _LeakyReluBackward(Function):
    """Multiplies a gradient by the slopes of a leaky ReLU, which do not depend on anything differentiable."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, maps: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(maps)
        ctx.slope = slope
        product: Tensor = torch.ops.aten.leaky_relu_backward(gradient, maps, slope, False)
        return product

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (maps,) = ctx.saved_tensors
        return _LeakyReluBackward.apply(gradients[0], maps, ctx.slope), None, None


def _cast(operand: Tensor | None) -> Any:
    """Cast an operand of a convolution as autocast would, which does not apply to the functions of this file."""
    if operand is None or not torch.is_autocast_enabled(operand.device.type):
        return operand
    return operand.to(torch.get_autocast_dtype(operand.device.type))


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


class _ConvArgs(NamedTuple):
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    def compute_gradients(
        self, gradient: Tensor, maps: Tensor, weight: Tensor, needed: tuple[bool, bool]
    ) -> tuple[Tensor, Tensor]:
        """Compute the gradients of a convolution with respect to its maps and its weight, as far as needed."""
        maps_gradient, weight_gradient, _ = torch.ops.aten.convolution_backward(
            *(gradient, maps, weight, None, self.stride, self.padding, self.dilation),
            *(False, (0, 0), self.groups, (*needed, False)),
        )
        return maps_gradient, weight_gradient


class _Conv2d(Function):
    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        conv_args: _ConvArgs,
        backward_pass: _BackwardPass | None,
    ) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.conv_args, ctx.backward_pass = conv_args, backward_pass
        return torch.conv2d(maps, weight, bias, *conv_args)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,), (maps, weight) = gradients, ctx.saved_tensors
        needs_maps, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        if ctx.backward_pass is not None:
            needs_maps &= ctx.backward_pass.needs_maps()
            needs_weight &= ctx.backward_pass.needs_weight()
            needs_bias &= ctx.backward_pass.needs_weight()
        conv_args = ctx.conv_args
        return (
            _Conv2dMapsGradient.apply(gradient, weight, maps.detach(), conv_args) if needs_maps else None,
            _Conv2dWeightGradient.apply(maps, gradient, weight.detach(), conv_args) if needs_weight else None,
            gradient.sum((0, 2, 3)) if needs_bias else None,
            None,
            None,
        )


class _Conv2dMapsGradient(Function):
    """The gradient of a convolution with respect to its maps, linear in the output's gradient and in the weight."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, weight: Tensor, maps: Tensor, conv_args: _ConvArgs) -> Tensor:
        ctx.save_for_backward(gradient, weight)
        ctx.conv_args = conv_args
        return conv_args.compute_gradients(gradient, maps, weight, (True, False))[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (second,), (gradient, weight) = gradients, ctx.saved_tensors
        needs_gradient, needs_weight = ctx.needs_input_grad[:2]
        conv_args = ctx.conv_args
        return (
            _Conv2d.apply(second, weight, None, conv_args, None) if needs_gradient else None,
            _Conv2dWeightGradient.apply(second, gradient, weight.detach(), conv_args)
            if needs_weight
            else None,
            None,
            None,
        )


class _Conv2dWeightGradient(Function):
    """The gradient of a convolution with respect to its weight, linear in the maps and in the output's gradient."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, gradient: Tensor, weight: Tensor, conv_args: _ConvArgs) -> Tensor:
        ctx.save_for_backward(maps, gradient)
        ctx.conv_args = conv_args
        return conv_args.compute_gradients(gradient, maps, weight, (False, True))[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (second,), (maps, gradient) = gradients, ctx.saved_tensors
        needs_maps, needs_gradient = ctx.needs_input_grad[:2]
        conv_args = ctx.conv_args
        return (
            _Conv2dMapsGradient.apply(gradient, second, maps.detach(), conv_args) if needs_maps else None,
            _Conv2d.apply(maps, second, None, conv_args, None) if needs_gradient else None,
            None,
            None,
        )
