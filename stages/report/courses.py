"""The pictures behind the page's slider: every GAN under every setting, over its training, from the same noise."""

from pathlib import Path
from typing import NamedTuple

from stages.report.inputs import LegResult, Results
from stages.report.pictures import Illustration, show_course, write_picture
from stages.report.published import name_gan

# All courses together hold no more than this many values, so that the page stays a few megabytes.
MOST_VALUES = 2_600_000
MOST_TILES = 4


class Course(NamedTuple):
    """How one leg's images grow.

    Attributes:
        gan: the leg's GAN.
        leg: its name.
        setting: its setting.
        picture: of all points, the first on top; None for a leg without points.
        points: how many.
        end: what became of a leg that did not reach its end; else empty.
    """

    gan: str
    leg: str
    setting: str
    picture: Illustration | None
    points: int
    end: str


def draw_courses(results: Results, folder: Path) -> list[Course]:
    """Draw one leg of each GAN under each setting: that of the first seed, whose noise they all share."""
    seed = results.grid.seeds[0]
    legs = [leg for leg in results.legs if leg.leg.seed == seed]
    tiles = choose_tiles(
        sum(len(leg.points) for leg in legs), results.data["image_size"] ** 2 * results.data["channels"]
    )
    return [_draw_course(leg, results.data["image_size"], tiles, folder) for leg in legs]


def choose_tiles(points: int, values_an_image: int) -> int:
    """Choose how many images stand side by side, and above each other, in the picture of a point: 1 to 4."""
    fitting = [
        tiles for tiles in range(1, MOST_TILES + 1) if tiles**2 * points * values_an_image <= MOST_VALUES
    ]
    return max(fitting, default=1)


def list_steps(results: Results) -> list[int]:
    """List the generator steps that the slider goes through: all that any shown leg has a point at."""
    seed = results.grid.seeds[0]
    return sorted(
        {point.generator_step for leg in results.legs if leg.leg.seed == seed for point in leg.points}
    )


def _draw_course(result: LegResult, image_size: int, tiles: int, folder: Path) -> Course:
    leg, points = result.leg, result.points
    end = "missing" if result.is_missing else ""
    if result.diverged_at is not None:
        end = f"diverged at {result.diverged_at}"
    if not points:
        return Course(leg.gan, leg.name, leg.setting, None, 0, end)
    file = f"course_{leg.name}.png"
    write_picture(folder / file, show_course(result, image_size, tiles))
    steps = ", ".join(str(point.generator_step) for point in points)
    picture = Illustration(
        file,
        leg.setting,
        f"Images of {name_gan(leg.gan)} under setting {leg.setting} from the same noise at generator steps {steps}.",
    )
    return Course(leg.gan, leg.name, leg.setting, picture, len(points), end)
