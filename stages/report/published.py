"""The published numbers that stand beside ours, and the names of GANs and data sets for readers."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from stages.report.model.published import PublishedRange, PublishedSource, PublishedStudy

REAL = "real"
# The GAN that the published report is about.
SNGAN = "sngan"
# The key in published.yaml of the source whose claims are checked.
FENG_ET_AL = "report"
_PUBLISHED: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("published.yaml").read_text(encoding="utf-8")
)
SOURCES = tuple(
    PublishedSource(key=key, **{name: str(value) for name, value in source.items() if name != "scores"})
    for key, source in _PUBLISHED["sources"].items()
)


def name_gan(gan: str) -> str:
    """Return a GAN's name for readers; a GAN that is not in published.yaml keeps the name of its file."""
    return str(_PUBLISHED["titles"].get(gan, gan))


def name_data_set(dataset: str) -> str:
    """Return a data set's name for readers."""
    return str(_PUBLISHED["data_sets"][dataset])


def published_score(source: str, row: str, metric: str) -> float | None:
    """Look up one number of a published table.

    Args:
        source: the key of one of SOURCES.
        row: the key of a GAN, or REAL.
        metric: `inception_score` or `fid`.

    Returns:
        The number, or None where the source has none.
    """
    value = _PUBLISHED["sources"][source]["scores"].get(row, {}).get(metric)
    return None if value is None else float(value)


def published_range(metric: str) -> PublishedRange:
    """Return the published report's lowest and highest score of a GAN, and its score of real data."""
    scores = {row: values[metric] for row, values in _PUBLISHED["sources"][FENG_ET_AL]["scores"].items()}
    real = scores.pop(REAL)
    return PublishedRange(min(scores.values()), max(scores.values()), real)


def published_study() -> PublishedStudy:
    """Return what the published report compared, how its code evaluated a GAN, and which scores it prints."""
    figure = _PUBLISHED["report_figure2"]
    scores = {key: values for key, values in figure.items() if key != "settings"}
    return PublishedStudy(
        gan_count=max(map(len, scores.values())),
        setting_count=len(figure["settings"]),
        **_PUBLISHED["report_evaluation"],
        ranges={metric: published_range(metric) for metric in scores},
    )


def published_bars(metric: str) -> tuple[list[str], dict[str, list[float]]]:
    """Return the settings and, by GAN, the bars of the published Figure 2."""
    figure = _PUBLISHED["report_figure2"]
    return figure["settings"], figure[metric]


def published_curves(metric: str) -> tuple[str, list[int], dict[str, list[float | None]]]:
    """Return the setting, the epochs and, by GAN, the curves of the published Figure 3."""
    figure = _PUBLISHED["report_figure3"]
    return figure["setting"], figure["epochs"], figure[metric]


def published_conditions() -> dict[str, Any]:
    """Return the conditions of the published scores: `data_set`, `network`, `image_size` and `distinct_images`."""
    return dict(_PUBLISHED["report_conditions"])


def published_code_options() -> dict[str, dict[str, float]]:
    """Return, by GAN, the options that are found only in the published report's code."""
    return dict(_PUBLISHED["report_code_options"])


def name_reading(settings: dict[str, dict[str, int | float]], options: dict[str, dict[str, Any]]) -> str:
    """Name the reading of the published report that a run follows.

    Args:
        settings: the settings of the run, by letter.
        options: the options of the run's GANs that `published_code_options` names.

    Returns:
        `as described` for the learning rates and betas that the report prints, `as run` if the run also has the options
        of the report's code, `as corrected` for the rates and betas of the papers that the report cites; else `settings
        of its own`.
    """
    own = {
        letter: (*_list_rates(numbers), numbers.get("beta1"), numbers.get("beta2"))
        for letter, numbers in settings.items()
    }
    for reading, published in _PUBLISHED["report_settings"].items():
        known = {
            letter: (*[numbers["learning_rate"]] * 2, numbers["beta1"], numbers["beta2"])
            for letter, numbers in published.items()
        }
        if own.items() <= known.items():
            is_code = bool(options) and all(
                published_code_options()[gan].items() <= values.items() for gan, values in options.items()
            )
            return "as run" if is_code and reading == "as described" else str(reading)
    return "settings of its own"


def _list_rates(numbers: dict[str, int | float]) -> list[int | float | None]:
    return [numbers.get(f"{network}_learning_rate") for network in ("generator", "discriminator")]


class TrainingLength(NamedTuple):
    """How long the published report and the original paper trained.

    Attributes:
        epochs: the number of epochs of the published report.
        train_images: the number of training images per epoch.
        batch_size: the batch size of the published report.
        original_generator_steps: the number of generator steps of Miyato et al. 2018.
    """

    epochs: int
    train_images: int
    batch_size: int
    original_generator_steps: int

    @property
    def generator_steps(self) -> int:
        """The generator steps of the published report, one per full batch, as each takes one discriminator step."""
        return self.epochs * (self.train_images // self.batch_size)


def published_length() -> TrainingLength:
    """Return how long the published report and the original paper trained."""
    return TrainingLength(**_PUBLISHED["report_length"])
