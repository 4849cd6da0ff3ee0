"""A network's gradient at its input, which is to be differentiated once more, at no more than that costs.

Torch's formulas for the second gradient of a convolution, and of a piecewise linear activation, send a gradient of
zeros to where the first pass came from, and so back through the whole network. Here a convolution's gradients are what
the gradients of a convolution are, its own kernels at every order; and an activation's slope is a constant: nothing is
sent where nothing comes. Either alone gains little. Nor does a second gradient go on to the images.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional
from torch.overrides import TorchFunctionMode

RELUS = (functional.relu, torch.relu, Tensor.relu)
REPLACED = (torch.conv2d, functional.leaky_relu, *RELUS)


def differentiate(network: nn.Module, images: Tensor) -> Tensor:
    """Compute the gradient of the sum of a network's scores with respect to the images, with its graph.

    The result and its gradients with respect to the network's weights are those of
    `torch.autograd.grad(..., create_graph=True)`, up to rounding. With respect to the images it is not to be
    differentiated again: what a first convolution would have to say of that is left out.

    Args:
        network: maps images to scores float [N].
        images: float [N, C, H, W], which require a gradient.

    Returns:
        Float [N, C, H, W].
    """
    with _Twice(images) as twice:
        # Not the call of the module, which may be compiled: compiled code cannot be differentiated twice.
        scores = network.forward(images)
    twice.is_first = True
    try:
        (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    finally:
        twice.is_first = False
    return gradient


class _Twice(TorchFunctionMode):
    """Replaces convolutions and piecewise linear activations by what is differentiated twice at little cost.

    Attributes:
        images: what the network is shown; only the first gradient asks for theirs.
        is_first: whether the first gradient is being computed, which asks nothing of the weights.
    """

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images
        self.is_first = False

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), named: dict[str, Any] | None = None
    ) -> Any:
        named = dict(named or {})
        if function not in REPLACED:
            return function(*arguments, **named)
        maps, *others = arguments if arguments else (named.pop("input"),)
        if function is torch.conv2d:
            return self._convolve(maps, *others, **named)
        if function is functional.leaky_relu:
            return _bend(maps, *others, **named)
        return _bend(maps, 0.0)

    def _convolve(
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
        turn = _Turn(self, maps is self.images)
        maps, weight, bias = (_cast(each) for each in (maps, weight, bias))
        how = _How(_pair(stride), _pair(padding), _pair(dilation), groups)
        result: Tensor = _Convolution.apply(maps, weight, bias, how, turn)
        return result


class _Turn(NamedTuple):
    """Which of a convolution's gradients a turn asks for, the first or the second."""

    twice: _Twice
    sees_images: bool

    def asks_maps(self) -> bool:
        return self.twice.is_first or not self.sees_images

    def asks_weight(self) -> bool:
        return not self.twice.is_first


def _bend(maps: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Apply ReLU or leaky ReLU; `inplace` is a wish that is not granted."""
    result: Tensor = _Bend.apply(maps, negative_slope)
    return result


class _Bend(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(maps)
        ctx.slope = slope
        return functional.leaky_relu(maps, slope)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (maps,) = ctx.saved_tensors
        return _Slope.apply(gradients[0], maps.detach(), ctx.slope), None


class _Slope(Function):
    """The product of what comes back with the slopes, which are constants."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, maps: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(maps)
        ctx.slope = slope
        product: Tensor = torch.ops.aten.leaky_relu_backward(gradient, maps, slope, False)
        return product

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (maps,) = ctx.saved_tensors
        return _Slope.apply(gradients[0], maps, ctx.slope), None, None


def _cast(values: Tensor | None) -> Any:
    """Cast a convolution's operand as autocast does, which knows nothing of ours."""
    if values is None or not torch.is_autocast_enabled(values.device.type):
        return values
    return values.to(torch.get_autocast_dtype(values.device.type))


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


class _How(NamedTuple):
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    def differentiate(
        self, gradient: Tensor, maps: Tensor, weight: Tensor, wanted: tuple[bool, bool]
    ) -> tuple[Tensor, Tensor]:
        """Compute a convolution's gradients with respect to its maps and its weight, those that are wanted."""
        on_maps, on_weight, _ = torch.ops.aten.convolution_backward(
            *(gradient, maps, weight, None, self.stride, self.padding, self.dilation),
            *(False, (0, 0), self.groups, (*wanted, False)),
        )
        return on_maps, on_weight


class _Convolution(Function):
    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, how: _How, turn: _Turn | None
    ) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.how, ctx.turn = how, turn
        return torch.conv2d(maps, weight, bias, *how)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,), (maps, weight) = gradients, ctx.saved_tensors
        wants_maps, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        if ctx.turn is not None:
            wants_maps &= ctx.turn.asks_maps()
            wants_weight &= ctx.turn.asks_weight()
            wants_bias &= ctx.turn.asks_weight()
        return (
            _MapsGradient.apply(gradient, weight, maps.detach(), ctx.how) if wants_maps else None,
            _WeightGradient.apply(maps, gradient, weight.detach(), ctx.how) if wants_weight else None,
            gradient.sum((0, 2, 3)) if wants_bias else None,
            None,
            None,
        )


class _MapsGradient(Function):
    """The gradient with respect to the maps: linear in the gradient that comes back, and in the weight."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, weight: Tensor, maps: Tensor, how: _How) -> Tensor:
        ctx.save_for_backward(gradient, weight)
        ctx.how = how
        return how.differentiate(gradient, maps, weight, (True, False))[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (again,), (gradient, weight) = gradients, ctx.saved_tensors
        wants_gradient, wants_weight = ctx.needs_input_grad[:2]
        return (
            _Convolution.apply(again, weight, None, ctx.how, None) if wants_gradient else None,
            _WeightGradient.apply(again, gradient, weight.detach(), ctx.how) if wants_weight else None,
            None,
            None,
        )


class _WeightGradient(Function):
    """The gradient with respect to the weight: linear in the maps, and in the gradient that comes back."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, gradient: Tensor, weight: Tensor, how: _How) -> Tensor:
        ctx.save_for_backward(maps, gradient)
        ctx.how = how
        return how.differentiate(gradient, maps, weight, (False, True))[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (again,), (maps, gradient) = gradients, ctx.saved_tensors
        wants_maps, wants_gradient = ctx.needs_input_grad[:2]
        return (
            _MapsGradient.apply(gradient, again, maps.detach(), ctx.how) if wants_maps else None,
            _Convolution.apply(maps, again, None, ctx.how, None) if wants_gradient else None,
            None,
            None,
        )
