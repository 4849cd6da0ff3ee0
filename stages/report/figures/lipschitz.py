"""Plot the layers' norms and the gradient norms of every discriminator over the training."""

from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator

from stages.common.grid import Grid
from stages.report.figures.palette import COLOURS
from stages.report.figures.plot_style import MUTED, make_figure, style_axes
from stages.report.model.pictures import Picture
from stages.report.published import name_gan
from stages.report.results.lipschitz import IMAGE_KINDS, SCORE, Analyses, Analysis

# The shades of this colour map can be distinguished with any common kind of colour vision, and in grey. Its lightest
# end is too faint on white.
DEPTHS = colormaps["cividis"]
DEEPEST_SHADE = 0.85
KIND_COLOURS = dict(zip(IMAGE_KINDS, COLOURS, strict=False))
MATRIX: dict[str, Any] = {"linestyle": "-", "linewidth": 1.2}
OPERATOR: dict[str, Any] = {"linestyle": "--", "linewidth": 1.2}
EQUATION4: dict[str, Any] = {"color": "#000000", "linestyle": ":", "linewidth": 1.4}
BOUND: dict[str, Any] = {"color": "#000000", "linestyle": "--", "linewidth": 1.2}
MOST_TICKS = 4
# If the largest value is this many times the smallest, ticks at powers of ten are enough.
WIDE = 50.0


LAYERS = Picture(
    file="lipschitz_layers.png",
    caption="How much each layer of the discriminators can stretch its input, over the training: the largest "
    "singular value of the reshaped weight, which spectral normalisation holds at 1, and the norm of the layer as it "
    "is applied.",
    description="Small panels of every layer's largest singular value and operator norm over generator steps, one row "
    "per GAN and one column per setting; the values at the end are in the table below.",
)
GRADIENTS = Picture(
    file="lipschitz_gradients.png",
    caption="How large the discriminators' gradients are: the norm of the gradient by the input at real and generated "
    "images and between them (line: mean, band: up to the largest), the product of equation 4, and the bound that "
    "holds. Grey: 1.",
    description="Small panels of gradient norms over generator steps beside two bounds, one row per GAN and one column "
    "per setting; the largest norms at the end and their bounds are in the table below.",
)


def shade(depth: float) -> tuple[float, float, float, float]:
    """Return the colour of a layer at `depth`, from 0 for the first to 1 for the last."""
    return DEPTHS(DEEPEST_SHADE * depth)


def plot_layer_norms(analyses: Analyses, grid: Grid) -> Figure:
    """Plot each layer's two norms over the training, darker for earlier layers: a row per GAN, a column per setting."""
    figure, panels = _make_panels(grid)
    for gan, row in zip(grid.gans, panels, strict=True):
        for setting, axes in zip(grid.settings_used, row, strict=True):
            for analysis in analyses.select_trials(gan, setting):
                _plot_layers(axes, analysis.points)
            _finish_panel(axes, grid, gan, setting)
    handles = [
        Line2D([], [], color=MUTED, label="largest singular value of the reshaped weight", **MATRIX),
        Line2D([], [], color=MUTED, label="norm of the layer as it is applied", **OPERATOR),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    shades = ScalarMappable(cmap=ListedColormap([shade(depth / 99) for depth in range(100)]))
    bar = figure.colorbar(
        shades, ax=panels.ravel().tolist(), location="bottom", shrink=0.4, aspect=50, pad=0.01
    )
    bar.set_ticks([0.0, 1.0], labels=["first layer", "last layer"], fontsize=8)
    return figure


def plot_gradient_norms(analyses: Analyses, grid: Grid) -> Figure:
    """Plot the gradient norms at three kinds of images, the claimed bound and the bound that holds."""
    figure, panels = _make_panels(grid)
    for gan, row in zip(grid.gans, panels, strict=True):
        for setting, axes in zip(grid.settings_used, row, strict=True):
            for analysis in analyses.select_trials(gan, setting):
                _plot_gradients(axes, analysis.points)
            axes.axhline(1.0, color=MUTED, linewidth=0.7)
            _finish_panel(axes, grid, gan, setting)
    handles = [
        *(
            Line2D([], [], color=KIND_COLOURS[kind], label=f"gradient, {title}")
            for kind, title in IMAGE_KINDS.items()
        ),
        Line2D([], [], label="product of σ(W), equation 4", **EQUATION4),
        Line2D([], [], label="bound that holds", **BOUND),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), fontsize=8, frameon=False)
    return figure


def _make_panels(grid: Grid) -> tuple[Figure, Any]:
    figure = make_figure(0.9 + 1.6 * len(grid.gans))
    return figure, figure.subplots(
        len(grid.gans), len(grid.settings_used), sharex=True, sharey="row", squeeze=False
    )


def _plot_layers(axes: Axes, points: Sequence[Analysis]) -> None:
    steps = [point.generator_step for point in points]
    count = len(points[0].layers)
    for index in range(count):
        colour = shade(index / max(count - 1, 1))
        marker = "o" if len(steps) == 1 else None
        layers = [point.layers[index] for point in points]
        axes.plot(
            steps, [layer.sigma for layer in layers], color=colour, marker=marker, markersize=3, **MATRIX
        )
        axes.plot(
            steps,
            [layer.operator_norm for layer in layers],
            color=colour,
            marker=marker,
            markersize=3,
            **OPERATOR,
        )


def _plot_gradients(axes: Axes, points: Sequence[Analysis]) -> None:
    steps = [point.generator_step for point in points]
    for kind, colour in KIND_COLOURS.items():
        means = [point.gradients[kind].mean for point in points]
        largest = [point.gradients[kind].largest for point in points]
        axes.plot(steps, means, color=colour, linewidth=1.2, marker="o", markersize=2.5)
        axes.fill_between(steps, means, largest, color=colour, alpha=0.2, linewidth=0)
    marker = "_" if len(steps) == 1 else None
    if points[0].score_name == SCORE:
        axes.plot(steps, [point.sigma_product for point in points], marker=marker, **EQUATION4)
    bounds = [[norms.bound for norms in point.gradients.values()] for point in points]
    if all(None not in known for known in bounds):
        axes.plot(steps, [max(filter(None, known)) for known in bounds], marker=marker, **BOUND)


def _finish_panel(axes: Axes, grid: Grid, gan: str, setting: str) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    between = (1.0, 2.0, 5.0) if high < WIDE * low else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=between, numticks=MOST_TICKS + 1))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS, steps=[1, 2, 5, 10], integer=True))
    style_axes(
        axes,
        title=f"setting {setting}" if gan == grid.gans[0] else "",
        x="generator step" if gan == grid.gans[-1] else "",
        y=name_gan(gan) if setting == grid.settings_used[0] else "",
    )
