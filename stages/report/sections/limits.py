"""Say in words what the comparison lets one conclude: the meaning of its intervals, and its limits."""

from stages.report.formatting import format_percent, pluralise
from stages.report.published import published_length
from stages.report.results.all_results import Results
from stages.report.sections.discriminator_steps import describe_discriminator_steps
from stages.report.statistics.intervals import CONFIDENCE


def explain_seeds(results: Results) -> str:
    """Say what ± and an interval mean with so many seeds, and what these let one conclude."""
    count = len(results.grid.seeds)
    if count == 1:
        return (
            "One seed (n = 1): differences smaller than what another seed would change cannot be told from chance. "
            "± is the deviation over the Inception Score's splits, not over trainings, and an interval in brackets is "
            "over draws of images from one generator."
        )
    return (
        f"{count} seeds: values are means over seeds of each trial's best, ± the sample standard deviation over seeds, "
        f"in brackets Student's {format_percent(CONFIDENCE)} interval of the mean."
    )


def list_limits(results: Results) -> tuple[str, ...]:
    """Say what the comparison cannot show, in its own numbers."""
    return (
        _explain_seed_count(len(results.grid.seeds)),
        *_compare_training_length(results),
        f"Scores are of the {results.card['name']} extractor with {results.protocol['sample_count']:,} images per "
        "point. FID is too high at any finite number of images, by more the fewer they are, for all GANs nearly alike: "
        "orders compare, levels do not.",
        "The best value over evaluation points and settings is chosen by the score that is shown, which flatters every "
        "GAN; the last value does not.",
        "Every GAN has the same generator, data and number of generator steps, and its own computing time. "
        f"{describe_discriminator_steps(results)}",
        "Of a GAN's options the presets hold what its paper or a published implementation has, chosen by no score of "
        "these; a run with others is named by its params, which stand beside each trial below.",
    )


def _explain_seed_count(count: int) -> str:
    if count == 1:
        return "1 seed: there is no interval over trainings, and no claim that rests on one can be settled."
    return f"{count} seeds: an interval of {count} values is wide, and supposes that they are normally distributed."


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
