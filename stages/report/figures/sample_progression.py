"""Write the pictures for the page's slider, which show each GAN's images over its training from the same noise."""

from pathlib import Path

from stages.report.figures.images import stack_points, write_picture
from stages.report.model.pictures import Picture, SampleProgression, TrialProgression
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult

# The largest number of values in all pictures together, which keeps the page at a few megabytes.
MOST_VALUES = 2_600_000
MOST_TILES = 4


def write_sample_progression(results: Results, folder: Path) -> SampleProgression:
    """Write one picture per GAN and setting, for the first seed; all trials of a seed share their noise.

    Raises:
        InputError: a grid of samples is missing or damaged.
    """
    seed, image_size = results.grid.seeds[0], results.data["image_size"]
    trials = [result for result in results.trials if result.trial.seed == seed]
    points = [point for result in trials for point in result.points]
    tiles = choose_tiles(len(points), image_size**2 * results.data["channels"])
    return SampleProgression(
        seed=seed,
        generator_steps=tuple(sorted({point.generator_step for point in points})),
        trials=tuple(_write_trial(result, image_size, tiles, folder) for result in trials),
    )


def choose_tiles(point_count: int, values_per_image: int) -> int:
    """Choose the number of images, 1 to 4, across and down in the picture of a point."""
    fitting = [
        tiles
        for tiles in range(1, MOST_TILES + 1)
        if tiles**2 * point_count * values_per_image <= MOST_VALUES
    ]
    return max(fitting, default=1)


def _write_trial(result: TrialResult, image_size: int, tiles: int, folder: Path) -> TrialProgression:
    trial, points = result.trial, result.points
    end = "missing" if result.is_missing else ""
    if result.diverged_at is not None:
        end = f"diverged at {result.diverged_at}"
    picture = None
    if points:
        steps = ", ".join(str(point.generator_step) for point in points)
        picture = Picture(
            file=f"progression_{trial.name}.png",
            caption=trial.setting,
            description=f"Images of {name_gan(trial.gan)} under setting {trial.setting} from one noise at generator "
            f"{'steps' if len(points) > 1 else 'step'} {steps}.",
        )
        write_picture(folder / picture.file, stack_points(result, image_size, tiles))
    return TrialProgression(trial.name, trial.gan, trial.setting, picture, len(points), end)
