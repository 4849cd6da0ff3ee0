"""Write the descriptions of runs and experiments; a description that a person has edited is kept."""

import math
from collections.abc import Mapping

from pipeline.tracking.lineage import hash_content
from pipeline.tracking.results import LEADING_SCORES, LOSSES, RunContent
from stages.report.statistics.metrics import name_metrics

DESCRIPTION = "mlflow.note.content"
# This tag has the hash of the description that this package wrote last.
DESCRIPTION_HASH = "description_hash"


def write_description(text: str, tags: Mapping[str, str], owner: str, notes: list[str]) -> dict[str, str]:
    """Return the tags that give a run or an experiment its description; none if a person has edited the description.

    Args:
        text: the description.
        tags: the present tags of the run or the experiment.
        owner: the name of the run or the experiment, for the note.
        notes: a list to which a line is added if an edited description is kept.
    """
    present, written = tags.get(DESCRIPTION), tags.get(DESCRIPTION_HASH)
    if present and written is not None and hash_content(present) != written:
        notes.append(f"the description of {owner} was edited and is kept; delete its text to get a new one")
        return {}
    return {DESCRIPTION: text, DESCRIPTION_HASH: hash_content(text)}


def describe_trial(results: RunContent) -> str:
    """Write a trial's description in Markdown: a table of its scores, and its last losses."""
    last = {value.key: value.value for value in results.values}
    tells_classes = "best_inception_score" in results.best
    metrics = {metric.key: metric for metric in name_metrics(results.tags["extractor"], tells_classes)}
    lines = ["|  | last | best | at step |", "| --- | ---: | ---: | ---: |"]
    for key in LEADING_SCORES:
        if key in metrics:
            metric, best = metrics[key], results.best.get(f"best_{key}")
            cells = [metric.short, metric.format(last.get(f"last_{key}")), metric.format(best)]
            step = results.best.get(f"best_{key}_generator_step")
            lines.append(f"| {' | '.join([*cells, '–' if step is None else f'{step:.0f}'])} |")
    losses = (
        f"{name.removesuffix('_loss')} {last[key]:.3g}"
        for name, key in LOSSES.items()
        if math.isfinite(last.get(key, math.nan))
    )
    lines += [
        "",
        f"Last losses: {', '.join(losses) or 'no numbers'}. Curves: *Model metrics*; images: *Artifacts*.",
    ]
    return "\n".join(lines)
