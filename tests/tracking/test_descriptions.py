"""A run's description, which MLflow shows above the metrics, is short."""

import math
from pathlib import Path

import pytest

from pipeline.tracking.comparison import describe_comparison
from pipeline.tracking.descriptions import describe_trial
from pipeline.tracking.lineage import Lineage
from pipeline.tracking.results import MetricValue, RunContent
from stages.common.artifacts import Trial

METRICS = {
    "fid": {"key": "fid", "short": "Fréchet distance", "digits": 1},
    "inception_score": {"key": "inception_score", "short": "classifier score", "digits": 2},
}


def test_the_description_is_the_answer_and_a_narrow_table() -> None:
    rows = [
        {"name": "Real data", "fid": 1.5749, "inception_score": 7.99123},
        {"name": "WGAN-GP (5 steps)", "fid": 115.249, "inception_score": 4.3},
        {"name": "EBGAN", "fid": None, "inception_score": None},
    ]
    entries = {"rows": [{"name": "Their | <b>GAN</b>", "fid": 12.0, "inception_score": None}]}
    answer = "SNGAN is first of 6."
    report = {"answer": answer, "metrics": METRICS, "table1": rows, "entries": entries}
    lines = describe_comparison(report).splitlines()
    assert lines[0] == answer
    assert lines[2:8] == [
        "|  | Fréchet distance | classifier score |",
        "| --- | ---: | ---: |",
        "| Real data | 1.6 | 7.99 |",
        "| WGAN-GP (5 steps) | 115.2 | 4.30 |",
        "| EBGAN | – | – |",
        r"| Their \| \<b\>GAN\</b\> | 12.0 | – |",
    ]
    assert "`table1.json`" in lines[-1] and "`report/index.html`" in lines[-1]
    assert "```" not in "\n".join(lines)


def make_results(extractor: str, values: dict[str, float], best: dict[str, float]) -> RunContent:
    """Make the content of a run with these last values."""
    return RunContent(
        trial=Trial("sngan", "A", 0),
        lineage=Lineage("", {}, {}, {}),
        params={},
        tags={"extractor": extractor},
        values=[MetricValue(key, value, 40, 1.0) for key, value in values.items()],
        grids=dict[int, Path](),
        checkpoints={},
        training_seconds=1.0,
        protocol={},
        best=best,
    )


@pytest.mark.parametrize(
    ("extractor", "names"), [("inception", ["FID", "IS"]), ("clip", ["Fréchet distance"])]
)
def test_a_trials_description_begins_with_its_scores_and_ends_with_its_losses(
    extractor: str, names: list[str]
) -> None:
    values = {"last_fid": 34.56, "gan_loss/discriminator": 1.25, "gan_loss/generator": 0.5}
    best: dict[str, float] = {"best_fid": 30.0, "best_fid_generator_step": 20}
    if "IS" in names:
        values["last_inception_score"] = 7.0
        best |= {"best_inception_score": 7.5, "best_inception_score_generator_step": 30}
    lines = describe_trial(make_results(extractor, values, best)).splitlines()
    assert lines[2] == f"| {names[0]} | 34.6 | 30.0 | 20 |"
    assert [line.split(" | ")[0] for line in lines[2:-2]] == [f"| {name}" for name in names]
    assert lines[-1].startswith("Last losses: discriminator 1.25, generator 0.5. ")


def test_the_description_of_a_trial_without_scores_and_finite_losses_says_so() -> None:
    lines = describe_trial(make_results("classifier", {"gan_loss/generator": math.nan}, {})).splitlines()
    assert lines[2] == "| Fréchet distance | – | – | – |" and lines[-1].startswith("Last losses: no numbers.")
