"""The pictures behind the page's slider: every GAN under every setting, over its training, from the same noise."""

from pathlib import Path
from typing import NamedTuple

from stages.report.figures.images import Illustration, show_course, write_picture
from stages.report.published import name_gan
from stages.report.results.read import Results, TrialResult

# All courses together hold no more than this many values, so that the page stays a few megabytes.
MOST_VALUES = 2_600_000
MOST_TILES = 4


class Course(NamedTuple):
    """How one trial's images grow.

    Attributes:
        gan: the trial's GAN.
        trial: its name.
        setting: its setting.
        picture: of all points, the first on top; None for a trial without points.
        points: how many.
        end: what became of a trial that did not reach its end; else empty.
    """

    gan: str
    trial: str
    setting: str
    picture: Illustration | None
    points: int
    end: str


def draw_courses(results: Results, folder: Path) -> list[Course]:
    """Draw one trial of each GAN under each setting: that of the first seed, whose noise they all share."""
    seed = results.grid.seeds[0]
    trials = [trial for trial in results.trials if trial.trial.seed == seed]
    tiles = choose_tiles(
        sum(len(trial.points) for trial in trials), results.data["image_size"] ** 2 * results.data["channels"]
    )
    return [_draw_course(trial, results.data["image_size"], tiles, folder) for trial in trials]


def choose_tiles(points: int, values_an_image: int) -> int:
    """Choose how many images stand side by side, and above each other, in the picture of a point: 1 to 4."""
    fitting = [
        tiles for tiles in range(1, MOST_TILES + 1) if tiles**2 * points * values_an_image <= MOST_VALUES
    ]
    return max(fitting, default=1)


def list_steps(results: Results) -> list[int]:
    """List the generator steps that the slider goes through: all that any shown trial has a point at."""
    seed = results.grid.seeds[0]
    return sorted(
        {
            point.generator_step
            for trial in results.trials
            if trial.trial.seed == seed
            for point in trial.points
        }
    )


def _draw_course(result: TrialResult, image_size: int, tiles: int, folder: Path) -> Course:
    trial, points = result.trial, result.points
    end = "missing" if result.is_missing else ""
    if result.diverged_at is not None:
        end = f"diverged at {result.diverged_at}"
    if not points:
        return Course(trial.gan, trial.name, trial.setting, None, 0, end)
    file = f"course_{trial.name}.png"
    write_picture(folder / file, show_course(result, image_size, tiles))
    steps = ", ".join(str(point.generator_step) for point in points)
    picture = Illustration(
        file,
        trial.setting,
        f"Images of {name_gan(trial.gan)} under setting {trial.setting} from one noise at generator steps {steps}.",
    )
    return Course(trial.gan, trial.name, trial.setting, picture, len(points), end)
