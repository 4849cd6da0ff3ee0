"""Write the conclusions that the comparison allows: the meaning of its intervals, and its limits."""

from stages.report.formatting import format_percent, join_words, pluralise
from stages.report.published import published_length
from stages.report.results.all_results import Results
from stages.report.sections.discriminator_steps import describe_discriminator_steps
from stages.report.statistics.intervals import CONFIDENCE


def explain_seeds(results: Results) -> str:
    """Write what a score and its interval mean with the run's number of seeds."""
    count = len(results.grid.seeds)
    if count == 1:
        return (
            f"Each GAN was trained once under each setting, so no score {'of theirs ' if results.entries else ''}"
            "has an interval, and another training may order them otherwise."
        )
    return (
        f"Values are geometric means over {pluralise(count, 'seed')}, in brackets Student's "
        f"{format_percent(CONFIDENCE)} interval of the logarithm's mean."
    )


def list_limits(results: Results) -> tuple[str, ...]:
    """Write what the comparison cannot show, with the run's numbers."""
    scores = join_words([f"the {metric.title}" for metric in results.metrics])
    return (
        _explain_seed_count(len(results.grid.seeds)),
        *_compare_training_length(results),
        f"Scores are of the {results.card['name']} extractor with {results.protocol['sample_count']:,} images per "
        f"point. The {results.distance.title} is too high at any finite number of images, by more the fewer they are. "
        "Whether another extractor, data set or length of training would order the GANs as this one does is not "
        f"shown: neither ranks nor values of {scores} carry over by themselves.",
        "The best value over evaluation points and settings is chosen by the score that is shown, which flatters every "
        "GAN; the value at the end is not chosen.",
        "Every GAN has the same generator, data and number of generator steps, and its own computing time. "
        f"{describe_discriminator_steps(results)}",
        "Of a GAN's options the presets hold what its paper or a published implementation has, chosen by no score of "
        "these; a run with others is named by its params, which stand beside each trial below.",
    )


def _explain_seed_count(count: int) -> str:
    if count == 1:
        return "Each GAN was trained once under each setting: no claim about scores can be told."
    return (
        f"{count} seeds: Student's interval and test suppose that logarithms of scores differ between seeds about as "
        "normal numbers do; docs/inference.md has how far they err where they do not."
    )


def _compare_training_length(results: Results) -> list[str]:
    ends = [trial.points[-1] for trial in results.trials if trial.points]
    if not ends:
        return []
    longest = max(ends, key=lambda point: point.generator_step)
    return [
        f"Trainings are {pluralise(longest.generator_step, 'generator step')} ({longest.epoch:.3g} epochs) long, the "
        f"report's {published_length().generator_steps:,}: the GAN that ends best need not be the one that learns "
        "fastest."
    ]
