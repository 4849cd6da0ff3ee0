"""Descriptions of runs and experiments, which a person may have edited: what a person wrote is kept."""

import math
from collections.abc import Mapping

from pipeline.tracking.lineage import hash_content
from pipeline.tracking.results import LEADING_SCORES, LOSSES, RunContent
from stages.report.statistics.metrics import name_metrics

DESCRIPTION = "mlflow.note.content"
# Of the description that was written last by this package.
DESCRIPTION_HASH = "description_hash"


def write_description(text: str, tags: Mapping[str, str], owner: str, notes: list[str]) -> dict[str, str]:
    """Return the tags that give a run or an experiment its description; none where a person has written another.

    Args:
        text: the description.
        tags: that the run or the experiment has.
        owner: which one it is, for the note.
        notes: gets a line where the description is kept.
    """
    present, written = tags.get(DESCRIPTION), tags.get(DESCRIPTION_HASH)
    if present and written is not None and hash_content(present) != written:
        notes.append(f"the description of {owner} was edited and is kept; empty it to have it written again")
        return {}
    return {DESCRIPTION: text, DESCRIPTION_HASH: hash_content(text)}


def describe_trial(results: RunContent) -> str:
    """Write a trial's description in Markdown: its scores and its last losses, which MLflow shows above everything."""
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
