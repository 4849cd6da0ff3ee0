from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stages.common.artifacts import read_json, write_json
from stages.common.params import ParamsError
from stages.report.results.all_results import read_results

Write = Callable[..., None]
TWO_SETTINGS = {
    "began-A-0": [(1.0, 90.0)],
    "began-C-0": [(1.1, 80.0)],
    "sngan-A-0": [(2.0, 60.0)],
    "sngan-C-0": [(2.1, 65.0)],
}


def test_scores_of_another_protocol_are_refused(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    path = Path("results/evaluate/sngan-C-0/points.json")
    record = read_json(path, "evaluate")
    record["protocol"]["sample_count"] = 31
    write_json(path, record)
    with pytest.raises(
        ValueError,
        match=r"sngan-C-0/points.json .*sample_count is 30 in one and 31 in the other; .*evaluate@sngan-C-0",
    ):
        read_results()


def test_real_scores_of_another_extractor_are_refused(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    path = Path("reference/scores.json")
    record = read_json(path, "reference")
    record["protocol"]["extractor"] = "inception"
    write_json(path, record)
    with pytest.raises(
        ValueError,
        match=r"reference/scores.json .*: extractor is classifier in one and inception in the other",
    ):
        read_results()


def test_a_damaged_trial_names_the_stage_that_makes_it(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    path = Path("results/evaluate/sngan-C-0/points.json")
    record = read_json(path, "evaluate")
    del record["points"][0]["fid"]
    write_json(path, record)
    with pytest.raises(ValueError, match=r"points.json is damaged .*`dvc repro -f evaluate@sngan-C-0`"):
        read_results()


@pytest.mark.parametrize(
    "record", ["results/evaluate/sngan-C-0/points.json", "samples/sngan-C-0/manifest.json"]
)
def test_a_trial_that_a_stage_of_failed_is_left_out_and_named(write_results: Write, record: str) -> None:
    write_results(TWO_SETTINGS)
    Path(record).unlink()
    results = read_results()
    assert results.missing == ["sngan-C-0"]
    assert [result.trial.name for result in results.trials if result.points] == [
        "began-A-0",
        "began-C-0",
        "sngan-A-0",
    ]


def test_results_without_any_trial_are_refused(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    for path in Path("results/evaluate").glob("*/points.json"):
        path.unlink()
    with pytest.raises(ValueError, match=r"results/evaluate holds no trial of the 4 in params.yaml"):
        read_results()


@pytest.mark.parametrize(
    ("path", "key", "stage"),
    [
        ("reference/scores.json", "fid", "reference"),
        ("extractor/card.json", "title", "extractor"),
        ("data/manifest.json", "licence", "prepare"),
        ("results/train/sngan-A-0/metrics.json", "generator_steps", "train@sngan-A-0"),
        ("samples/sngan-A-0/manifest.json", "points", "sample@sngan-A-0"),
    ],
)
def test_a_record_that_lacks_an_entry_is_named(write_results: Write, path: str, key: str, stage: str) -> None:
    write_results(TWO_SETTINGS)
    record = read_json(Path(path), stage)
    del record[key]
    write_json(Path(path), record)
    with pytest.raises(ValueError, match=f"{path} lacks {key}; make it anew: `dvc repro -f {stage}`"):
        read_results()


def test_a_scored_step_without_its_grid_is_refused(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    path = Path("samples/sngan-A-0/manifest.json")
    write_json(path, read_json(path, "sample") | {"points": []})
    with pytest.raises(
        ValueError, match=r"sngan-A-0/points.json scores generator step 10, which .* has no grid"
    ):
        read_results()


def test_a_setting_without_numbers_is_refused(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    params = yaml.safe_load(Path("params.yaml").read_text())
    del params["settings"]["C"]
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(ParamsError, match="settings.C is missing; there is A, B"):
        read_results()


def test_a_setting_holds_numbers_alone(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["settings"]["A"]["beta1"] = "0.5"
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(ParamsError, match="settings.A.beta1"):
        read_results()
