"""Write the model card of an exported generator: its training, its data, its scores and how to call it."""

import subprocess
from pathlib import Path
from typing import Any

import torch

from stages.common.artifacts import DATA_MANIFEST, POINTS, SCORES, Trial, read_json, write_bytes
from stages.sample.export import COMPARED_COUNT, FILES

CARD = "README.md"
LONGEST_SECONDS = 60
SHOWN_SCORES = ("inception_score", "fid", "kid", "precision", "recall", "density", "coverage")
TEMPLATE = """\
# {gan}, setting {setting}, seed {seed}, generator step {step}

A generator of images {shape}, trained on {dataset}.

| | |
|---|---|
{facts}

## Scores

{scores}

## How to call it

Input `z`: float32 [N, {z_dimension}], sampled from N(0, I){labels}.
Output: float32 [N, {channels}, {height}, {width}] in [-1, 1]; a pixel is round(127.5 x + 127.5).

As an entry beside the GANs of the comparison, in params.yaml:

```yaml
entries:
  {gan}_exported:
    title: {gan}, exported
    files: [{file}]
    generator: {{{options}}}
```
"""


def write_card(
    folder: Path,
    trial: Trial,
    snapshot: dict[str, Any],
    manifest: dict[str, Any],
    z_dimension: int,
    differences: dict[str, float],
) -> None:
    """Write README.md beside the exported files.

    Args:
        folder: the folder of the files.
        trial: the trial that trained the generator.
        snapshot: the entry of the snapshot in the manifest of the trial's models.
        manifest: the manifest of the trial's models.
        z_dimension: length of a noise vector.
        differences: the differences from the snapshot, by format.
    """
    data = read_json(DATA_MANIFEST, made_by="prepare")
    step = snapshot["generator_step"]
    channels, height, width = manifest["image_shape"]
    facts = {
        "Data set": f"{data['dataset']}, SHA-256 {data['sha256']}",
        "Licence of the data": data["licence"],
        "Licence of the code": "MIT",
        "Trained for": f"{step} generator steps, {snapshot['discriminator_steps']} discriminator steps, "
        f"{snapshot['epoch']} epochs",
        "Commit": find_commit(),
        "torch": torch.__version__,
    }
    facts |= {
        FILES[
            name
        ]: f"maximum absolute difference from the snapshot {difference:.3g}, of outputs in [-1, 1] for "
        f"{COMPARED_COUNT} noise vectors"
        for name, difference in differences.items()
    }
    names = manifest.get("class_names")
    text = TEMPLATE.format(
        **trial._asdict(),
        step=step,
        shape=list(manifest["image_shape"]),
        dataset=data["dataset"],
        facts="\n".join(f"| {name} | {_in_cell(value)} |" for name, value in facts.items()),
        scores=_describe_scores(trial, step),
        z_dimension=z_dimension,
        options=f"z_dimension: {z_dimension}, z_distribution: normal, batch_size: 100, output_range: symmetric"
        + ("" if names is None else f", class_count: {len(names)}"),
        labels=""
        if names is None
        else f", and `labels`, int64 [N] in 0..{len(names) - 1}: {', '.join(names)}",
        channels=channels,
        height=height,
        width=width,
        file=FILES[next(iter(differences))],
    )
    write_bytes(folder / CARD, text.encode())


def _describe_scores(trial: Trial, step: int) -> str:
    """Describe the scores of the snapshot with their protocol, where the stage `evaluate` has made them."""
    path = SCORES / trial.name / POINTS
    if not path.exists():
        return f"None are known: `dvc repro evaluate@{trial.name}` makes them."
    record = read_json(path, made_by=f"evaluate@{trial.name}")
    points = [point for point in record["points"] if point["generator_step"] == step]
    if not points:
        return f"None are known of this step: `dvc repro evaluate@{trial.name}` makes them."
    rows = [f"| {name} | {points[0][name]:.5g} |" for name in SHOWN_SCORES if points[0].get(name) is not None]
    protocol = ", ".join(f"{name} {value}" for name, value in record["protocol"].items())
    return "\n".join(["| Score | Value |", "|---|---:|", *rows, "", f"Protocol: {_in_cell(protocol)}."])


def _in_cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def find_commit() -> str:
    """Return the Git commit of the working tree, and whether files differ from it; `unknown` without a commit."""
    try:
        commit, changed = (
            subprocess.run(
                ["git", *words], capture_output=True, text=True, check=True, timeout=LONGEST_SECONDS
            ).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown: this folder is no Git repository with a commit"
    return f"{commit}, with changed files" if changed else commit
