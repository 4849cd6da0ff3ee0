"""The pictures of the report: their files, captions and descriptions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A picture file in the report's folder.

    Attributes:
        file: the name of the file.
        caption: the text below the picture.
        description: the content of the picture in words, for readers who cannot see it.
    """

    file: str
    caption: str
    description: str


@dataclass(frozen=True)
class TrialProgression:
    """How the images of one trial change over its training.

    Attributes:
        trial: the name of the trial.
        gan: the GAN of the trial.
        setting: the setting of the trial.
        picture: the images of all points, the first on top; None for a trial without points.
        point_count: the number of points in the picture.
        end: why the trial did not reach its end, in words; "" if it did.
    """

    trial: str
    gan: str
    setting: str
    picture: Picture | None
    point_count: int
    end: str


@dataclass(frozen=True)
class SampleProgression:
    """Images of every GAN under every setting over the training, from the same noise.

    Attributes:
        seed: the seed of the trials shown.
        generator_steps: the generator steps at which any of these trials has a point.
        trials: one per GAN and setting.
    """

    seed: int
    generator_steps: tuple[int, ...]
    trials: tuple[TrialProgression, ...]


@dataclass(frozen=True)
class Figures:
    """All pictures of the report.

    Attributes:
        answer: the primary score of every GAN and seed.
        narrow_answer: the figure `answer` for a narrow screen.
        strip: a few images of real data, followed by a few of each GAN and each entry.
        figure1: losses of one trial, with real and generated images.
        figure2: the best scores by GAN and setting.
        figure3: the scores over the training.
        curves: the scores over other budgets than generator steps.
        losses: the losses of all trials.
        lipschitz: norms of layers, and of gradients; empty without analyses.
        real: real images.
        samples: the samples of each GAN and each entry at its best FID.
        interpolations: the interpolations between noise vectors, from the same trials.
        neighbours: samples with their nearest training images, from the same trials and the entries.
        progression: images over the training.
    """

    answer: Picture
    narrow_answer: Picture
    strip: tuple[Picture, ...]
    figure1: Picture
    figure2: Picture
    figure3: Picture
    curves: tuple[Picture, ...]
    losses: Picture
    lipschitz: tuple[Picture, ...]
    real: Picture
    samples: tuple[Picture, ...]
    interpolations: tuple[Picture, ...]
    neighbours: tuple[Picture, ...]
    progression: SampleProgression
