"""Plot the losses: Figure 1 with real and generated images, and the losses of all trials."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.report.figures.images import Pixels
from stages.report.figures.plot_style import MUTED, make_figure, style_axes
from stages.report.model.pictures import Picture
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult

GENERATOR_COLOUR = "#d55e00"
DISCRIMINATOR_COLOUR = "#0072b2"


def describe_figure1(result: TrialResult) -> Picture:
    """Describe Figure 1 of one trial."""
    trial = result.trial
    name = f"{name_gan(trial.gan)} under setting {trial.setting}, seed {trial.seed}"
    return Picture(
        file="figure1.png",
        caption=f"Figure 1. Losses of {name}, and real images beside generated ones.",
        description=f"Curves of the discriminator's and the generator's loss of {name}; below, a grid of real images "
        "and one of generated images.",
    )


def plot_figure1(result: TrialResult, real: Pixels, generated: Pixels | None) -> Figure:
    """Plot one trial's losses over the training, and below them real images beside generated ones.

    Args:
        result: the trial.
        real: the picture of real images.
        generated: the picture of the trial's images; None if the trial diverged before its first point.
    """
    figure = make_figure(7.4)
    places = figure.add_gridspec(2, 2, height_ratios=[1, 1.5])
    axes = figure.add_subplot(places[0, :])
    _plot_losses(axes, result)
    title = f"{name_gan(result.trial.gan)}, setting {result.trial.setting}, seed {result.trial.seed}"
    style_axes(axes, f"Losses of {title}", "generator step", "loss")
    axes.legend(fontsize=8, frameon=False)
    _plot_picture(figure.add_subplot(places[1, 0]), real, "Real images")
    _plot_picture(figure.add_subplot(places[1, 1]), generated, "Generated images")
    return figure


def describe_all_losses(results: Results) -> Picture:
    """Describe the figure of the losses of all trials."""
    seeds = " and seed" if len(results.grid.seeds) > 1 else ""
    return Picture(
        file="losses.png",
        caption=f"The losses of every GAN under every setting{seeds}. Only shapes compare: each GAN's loss has its own "
        "meaning.",
        description="Small panels of the discriminator's and the generator's loss, one row per GAN and one column per "
        "setting.",
    )


def plot_all_losses(results: Results) -> Figure:
    """Plot the losses in one small panel for each GAN and setting, which shows all seeds."""
    gans, settings = results.grid.gans, results.grid.settings_used
    figure = make_figure(0.6 + 1.5 * len(gans))
    panels = figure.subplots(len(gans), len(settings), sharex=True, squeeze=False)
    for row, gan in enumerate(gans):
        for column, setting in enumerate(settings):
            axes = panels[row, column]
            for result in results.select_trials(gan, setting):
                _plot_losses(axes, result)
            style_axes(
                axes,
                title=f"setting {setting}" if row == 0 else "",
                x="generator step" if row == len(gans) - 1 else "",
                y=name_gan(gan) if column == 0 else "",
            )
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles[:2], labels[:2], loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    return figure


def _plot_losses(axes: Axes, result: TrialResult) -> None:
    losses = result.losses
    for values, label, colour in (
        (losses.discriminator, "discriminator", DISCRIMINATOR_COLOUR),
        (losses.generator, "generator", GENERATOR_COLOUR),
    ):
        numbers = [float("nan") if value is None else value for value in values]
        axes.plot(losses.generator_steps, numbers, linewidth=0.9, alpha=0.9, color=colour, label=label)
    if result.diverged_at is not None:
        axes.axvline(result.diverged_at, color=MUTED, linewidth=1, linestyle=":")
        axes.annotate("diverged", (result.diverged_at, 0.5), xycoords=("data", "axes fraction"), fontsize=8)


def _plot_picture(axes: Axes, pixels: Pixels | None, title: str) -> None:
    axes.set_axis_off()
    axes.set_title(title, fontsize=10, loc="left")
    if pixels is None:
        axes.text(0.5, 0.5, "diverged before its first evaluation point", ha="center", fontsize=9)
    else:
        axes.imshow(pixels, cmap="gray" if pixels.ndim == 2 else None, interpolation="nearest")
