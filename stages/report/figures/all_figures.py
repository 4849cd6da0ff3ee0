"""Write every picture of the report into its folder, and describe what each shows."""

from dataclasses import replace
from pathlib import Path

from stages.report.figures.answer import describe_answer, plot_answer, plot_narrow_answer
from stages.report.figures.galleries import (
    copy_entry_neighbours,
    copy_interpolations,
    copy_neighbours,
    read_best_samples,
    write_entry_samples,
    write_real,
    write_samples,
    write_strip,
)
from stages.report.figures.images import Pixels, arrange_real_images
from stages.report.figures.lipschitz import GRADIENTS, LAYERS, plot_gradient_norms, plot_layer_norms
from stages.report.figures.losses import (
    describe_all_losses,
    describe_figure1,
    plot_all_losses,
    plot_figure1,
)
from stages.report.figures.plot_style import write_figure
from stages.report.figures.sample_progression import write_sample_progression
from stages.report.figures.score_curves import describe_curves, describe_figure3, plot_curves, plot_figure3
from stages.report.figures.settings import describe_figure2, plot_figure2
from stages.report.model.pictures import Figures, Picture
from stages.report.published import SNGAN
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.budgets import DISCRIMINATOR_STEPS
from stages.report.statistics.metrics import FID
from stages.report.statistics.summary import find_best_trial

# The rows and columns of the grid of real images if there are no samples beside it.
DEFAULT_GRID = (8, 8)


def write_figures(results: Results, folder: Path) -> Figures:
    """Write all pictures.

    Returns:
        The file names, captions and descriptions of all pictures.

    Raises:
        InputError: a picture of samples or the prepared data is missing or damaged.
    """
    best = {
        gan: trial for gan in results.grid.gans if (trial := find_best_trial(results, gan, FID)) is not None
    }
    shown = list(best.values())
    real = _arrange_real_like(shown, results.data["image_size"])
    answer = describe_answer(results)
    narrow = replace(answer, file="answer_narrow.png")
    write_figure(folder / answer.file, plot_answer(results))
    write_figure(folder / narrow.file, plot_narrow_answer(results))
    figure2, figure3, losses = (
        describe_figure2(results),
        describe_figure3(results),
        describe_all_losses(results),
    )
    write_figure(folder / figure2.file, plot_figure2(results))
    write_figure(folder / figure3.file, plot_figure3(results))
    write_figure(folder / losses.file, plot_all_losses(results))
    curves = describe_curves(results, DISCRIMINATOR_STEPS)
    write_figure(folder / curves.file, plot_curves(results, DISCRIMINATOR_STEPS))
    return Figures(
        answer=answer,
        narrow_answer=narrow,
        strip=write_strip(real, shown, results.entries, results.data["image_size"], folder),
        figure1=_write_figure1(results, best, real, folder),
        figure2=figure2,
        figure3=figure3,
        curves=(curves,),
        losses=losses,
        lipschitz=_write_lipschitz(results, folder),
        real=write_real(real, folder),
        samples=(
            *write_samples(shown, results.distance, folder),
            *write_entry_samples(results.entries, results.distance, folder),
        ),
        interpolations=copy_interpolations(shown, folder),
        neighbours=(
            *copy_neighbours(results, shown, folder),
            *copy_entry_neighbours(results.entries, folder),
        ),
        progression=write_sample_progression(results, folder),
    )


def _arrange_real_like(shown: list[TrialResult], image_size: int) -> Pixels:
    """Arrange real images in a grid of the same size as the grids of samples."""
    if not shown:
        return arrange_real_images(*DEFAULT_GRID)
    height, width = read_best_samples(shown[0]).shape[:2]
    return arrange_real_images(height // image_size, width // image_size)


def _write_figure1(results: Results, best: dict[str, TrialResult], real: Pixels, folder: Path) -> Picture:
    """Write Figure 1 for SNGAN's best trial, or for the first GAN's if the grid has no SNGAN."""
    gan = SNGAN if SNGAN in results.grid.gans else results.grid.gans[0]
    found = [result for result in results.trials if not result.is_missing]
    result = best.get(gan) or next((result for result in found if result.trial.gan == gan), found[0])
    picture = describe_figure1(result)
    generated = read_best_samples(result) if result.points else None
    write_figure(folder / picture.file, plot_figure1(result, real, generated))
    return picture


def _write_lipschitz(results: Results, folder: Path) -> tuple[Picture, ...]:
    """Write the two figures of the discriminators; no figure if no trial has an analysis."""
    analyses, grid = results.analyses, results.grid
    if not any(analyses.select_trials(gan) for gan in grid.gans):
        return ()
    write_figure(folder / LAYERS.file, plot_layer_norms(analyses, grid))
    write_figure(folder / GRADIENTS.file, plot_gradient_norms(analyses, grid))
    return LAYERS, GRADIENTS
