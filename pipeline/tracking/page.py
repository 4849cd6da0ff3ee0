"""The page that the report links to: on to MLflow, and each trial's run, commit, DVC hashes and params."""

import json
from html import escape
from typing import NamedTuple

from mlflow.entities import Run

from pipeline.tracking.content import TrialContent

COMMIT = "mlflow.source.git.commit"


class TrialLink(NamedTuple):
    """What the page says of a trial.

    Attributes:
        trial: its name, which is its place on the page.
        link: to its run, behind the UI's address.
        commit: of the working tree that the run was made in; empty outside a Git repository.
        hashes: of its stages' entries in dvc.lock, by stage.
        params: flat, by dotted name.
    """

    trial: str
    link: str
    commit: str
    hashes: dict[str, str]
    params: dict[str, str]


def link_run(experiment_id: str, run_id: str) -> str:
    """Link to a run's page."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def list_trial_links(
    experiment_id: str, contents: list[TrialContent], runs: dict[str, Run], tags: dict[str, dict[str, str]]
) -> list[TrialLink]:
    """List what the page says of every trial of the comparison: their runs and those runs' tags are by trial name."""
    return [
        TrialLink(
            trial=content.trial.name,
            link=link_run(experiment_id, runs[content.trial.name].info.run_id),
            commit=tags[content.trial.name].get(COMMIT, ""),
            hashes=content.lineage.stage_hashes,
            params=content.params,
        )
        for content in contents
    ]


def lay_out_page(base: str, links: dict[str, str], trials: list[TrialLink]) -> str:
    """Lay the page out: it goes on to the first link, or to the run of the trial asked for, where the UI answers."""
    items = "\n".join(
        f'<li><a href="{escape(base + "/" + link)}">{escape(text)}</a></li>' for text, link in links.items()
    )
    first = _to_script(f"{base}/{next(iter(links.values()))}")
    runs = _to_script({trial.trial: f"{base}/{trial.link}" for trial in trials})
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>The comparison in MLflow</title>
<style>body {{ font: 17px/1.6 Georgia, serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }}
dd {{ overflow-wrap: anywhere; }} code {{ font-size: .85em; }} :target {{ outline: 2px solid; }}</style></head>
<body>
<h1>The comparison in MLflow</h1>
<p>MLflow is expected at <code>{escape(base)}</code>. Where it does not answer, start it with <code>make ui</code>.</p>
<ul>
{items}
</ul>
<h2>Trials</h2>
<dl>
{"".join(_lay_out_trial(base, trial) for trial in trials)}</dl>
<script>
const runs = {runs}, trial = location.hash.slice(1);
const goOn = () => location.replace(runs[trial] || {first});
fetch({_to_script(f"{base}/health")}, {{mode: "no-cors"}}).then(goOn, () => {{}});
</script>
</body>
</html>
"""


def _lay_out_trial(base: str, trial: TrialLink) -> str:
    hashes = ", ".join(f"{stage} <code>{escape(value)}</code>" for stage, value in trial.hashes.items())
    params = ", ".join(f"{escape(name)} {escape(value)}" for name, value in trial.params.items())
    commit = f"commit <code>{escape(trial.commit)}</code>; " if trial.commit else ""
    return f"""<dt id="{escape(trial.trial)}"><a href="{escape(f"{base}/{trial.link}")}">{escape(trial.trial)}</a></dt>
<dd>{commit}hashes of its stages in dvc.lock: {hashes}
<details><summary>Params</summary>{params}</details></dd>
"""


def _to_script(value: object) -> str:
    """Write a value as JSON that cannot end the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
