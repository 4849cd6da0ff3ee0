"""Draw every picture of the report into its folder, and say what each shows."""

from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from stages.common.artifacts import NEIGHBOURS
from stages.report.figures.images import Illustration, Picture, read_picture, show_real, write_picture
from stages.report.figures.losses import draw_all_losses, draw_figure1
from stages.report.figures.plot_style import write_figure
from stages.report.figures.sample_progression import Course, draw_courses
from stages.report.figures.settings import draw_figure2
from stages.report.figures.training import draw_figure3
from stages.report.published import SNGAN, name_gan
from stages.report.results.read import Results, TrialResult
from stages.report.statistics.scores import FID, find_best

FIGURE2 = Illustration(
    "figure2.png",
    "Figure 2. The best Inception Score and FID of each GAN under each setting, over several seeds with their "
    "deviation; below, the report's bars.",
    "Bars of Inception Score and FID grouped by Adam setting, one bar a GAN; all values are in the table of trials.",
)
FIGURE3 = Illustration(
    "figure3.png",
    "Figure 3. Inception Score and FID over the training under each setting, over several seeds their mean with a band "
    "of one deviation; last, the report's.",
    "Curves of Inception Score and FID over generator steps, one curve a GAN and one panel a setting; all ends are in "
    "the table of trials.",
)
ALL_LOSSES = Illustration(
    "losses.png",
    "The losses of every GAN under every setting. Only shapes compare: each GAN's loss has its own meaning.",
    "Small panels of the discriminator's and the generator's loss, a row a GAN and a column a setting.",
)


class Illustrations(NamedTuple):
    """All pictures of the report."""

    figure1: Illustration
    figure2: Illustration
    figure3: Illustration
    all_losses: Illustration
    real: Illustration
    samples: list[Illustration]
    interpolations: list[Illustration]
    neighbours: list[Illustration]
    courses: list[Course]


def draw_illustrations(results: Results, folder: Path) -> Illustrations:
    """Write all pictures.

    Raises:
        ValueError: a grid of samples is missing or damaged.
    """
    best = {gan: _find_best_trial(results, gan) for gan in results.grid.gans}
    shown = [trial for trial in best.values() if trial is not None]
    real = _show_real_like(shown, results.data["image_size"])
    return Illustrations(
        figure1=_draw_figure1(results, best, real, folder),
        figure2=_write_drawn(draw_figure2(results), FIGURE2, folder),
        figure3=_write_drawn(draw_figure3(results), FIGURE3, folder),
        all_losses=_write_drawn(draw_all_losses(results), ALL_LOSSES, folder),
        real=_write_real(real, folder),
        samples=[_write_samples(trial, folder) for trial in shown],
        interpolations=[
            _copy_interpolation(trial, folder) for trial in shown if trial.interpolation is not None
        ],
        neighbours=[
            _copy_neighbours(trial, folder)
            for trial in shown
            if trial.trial.name in results.neighbours["trials"]
        ],
        courses=draw_courses(results, folder),
    )


def _find_best_trial(results: Results, gan: str) -> TrialResult | None:
    cell = find_best(results, gan, FID)
    return None if cell is None else cell.trial


def _show_real_like(shown: list[TrialResult], image_size: int) -> Picture:
    """Lay real images out as the samples are, eight by eight where there are none."""
    if not shown:
        return show_real(8, 8)
    height, width = _read_best(shown[0]).shape[:2]
    return show_real(height // image_size, width // image_size)


def _read_best(trial: TrialResult) -> Picture:
    return read_picture(trial.grids[FID.choose(trial.points).generator_step])


def _draw_figure1(
    results: Results, best: dict[str, TrialResult | None], real: Picture, folder: Path
) -> Illustration:
    gan = SNGAN if SNGAN in best else results.grid.gans[0]
    there = [result for result in results.trials if not result.is_missing]
    trial = best[gan] or next((result for result in there if result.trial.gan == gan), there[0])
    generated = _read_best(trial) if trial.points else None
    name = f"{name_gan(gan)} under setting {trial.trial.setting}, seed {trial.trial.seed}"
    illustration = Illustration(
        "figure1.png",
        f"Figure 1. Losses of {name}, and real images beside generated ones.",
        f"Curves of the discriminator's and the generator's loss of {name}; below, a grid of real images and one of "
        "generated images.",
    )
    return _write_drawn(draw_figure1(trial, real, generated), illustration, folder)


def _write_drawn(figure: Figure, illustration: Illustration, folder: Path) -> Illustration:
    write_figure(folder / illustration.file, figure)
    return illustration


def _write_real(real: Picture, folder: Path) -> Illustration:
    write_picture(folder / "samples_real.png", real)
    return Illustration("samples_real.png", "Real images", "A grid of real images of the train split.")


def _write_samples(trial: TrialResult, folder: Path) -> Illustration:
    name, point = name_gan(trial.trial.gan), FID.choose(trial.points)
    file = f"samples_{trial.trial.gan}.png"
    write_picture(folder / file, _read_best(trial))
    title = f"{name}, {trial.trial.setting}, step {point.generator_step}, FID {FID.show(point.fid)}"
    return Illustration(file, title, f"A grid of images generated by {name}.")


def _copy_interpolation(trial: TrialResult, folder: Path) -> Illustration:
    assert trial.interpolation is not None
    name, file = name_gan(trial.trial.gan), f"interpolation_{trial.trial.gan}.png"
    write_picture(folder / file, read_picture(trial.interpolation))
    return Illustration(
        file,
        f"{name}, {trial.trial.setting}, seed {trial.trial.seed}",
        f"Rows of images of {name}, each from one noise vector on the left to another on the right.",
    )


def _copy_neighbours(trial: TrialResult, folder: Path) -> Illustration:
    name, file = name_gan(trial.trial.gan), f"neighbours_{trial.trial.gan}.png"
    write_picture(folder / file, read_picture(NEIGHBOURS / f"{trial.trial.name}.png"))
    return Illustration(
        file,
        f"{name}, {trial.trial.setting}, seed {trial.trial.seed}",
        f"Images of {name} in the first row; below each its nearest training image by pixels, then by features.",
    )
