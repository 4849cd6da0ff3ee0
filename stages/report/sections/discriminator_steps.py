"""Describe how many discriminator steps GANs took per generator step, as counted in their trainings."""

from stages.report.formatting import pluralise
from stages.report.published import name_gan
from stages.report.results.all_results import Results


def describe_discriminator_steps(results: Results) -> str:
    """Describe how many discriminator steps each GAN took per generator step under each setting, in a sentence."""
    gans_by_steps: dict[tuple[int, ...], list[str]] = {}
    for gan in results.grid.gans:
        steps = [_count_discriminator_steps(results, gan, setting) for setting in results.grid.settings_used]
        known = tuple(count for count in steps if count is not None)
        if known:
            gans_by_steps.setdefault(known, []).append(name_gan(gan))
    counts = {count for steps in gans_by_steps for count in steps}
    if not counts:
        return "No training reached an evaluation point."
    if len(counts) == 1:
        return f"Each takes {pluralise(counts.pop(), 'discriminator step')} per generator step."
    parts = [
        f"{', '.join(names)}: {' or '.join(map(str, dict.fromkeys(steps)))}"
        for steps, names in sorted(gans_by_steps.items())
    ]
    return f"Discriminator steps per generator step differ ({'; '.join(parts)}), as papers and settings have them."


def _count_discriminator_steps(results: Results, gan: str, setting: str) -> int | None:
    points = [point for trial in results.select_trials(gan, setting) for point in trial.points]
    return points[-1].discriminator_steps // points[-1].generator_step if points else None
