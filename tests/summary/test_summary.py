"""DVC shows a comparison as a table that fits a terminal, three charts, and a page that needs no network."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc_render.vega import VegaRenderer

from stages.common.artifacts import (
    CURVES,
    METRICS_FOLDER,
    SCORES,
    TRAINING,
    Trial,
    entry_folder,
    read_json,
    write_json,
)
from stages.common.errors import InputError
from stages.common.grid import Grid
from stages.summary.__main__ import main
from stages.summary.curves import MOST_STEPS, choose_rows
from stages.summary.trials import read_trial, shorten_number, summarise_trial
from tests.driving import call

ROOT = Path(__file__).parents[2]
POINT = {
    "generator_step": 400,
    "fid": 329.68123,
    "inception_score": 2.123456,
    "kid": 1822.93,
    "precision": 0.6815,
}
LAST = {
    "generator_step": 800,
    "fid": 1430.1,
    "inception_score": 2.0,
    "kid": -0.00012,
    "precision": 0.5,
    "recall": 0.006,
}
TRIAL = Trial("sngan", "B", 0)


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a DVC repository with the default preset and results of all of its trials."""
    monkeypatch.chdir(tmp_path)
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, name)
    shutil.copytree(ROOT / ".dvc/plots", ".dvc/plots")
    Path(".dvc/config").write_text(
        (ROOT / ".dvc/config").read_text().replace("[core]", "[core]\n    no_scm = true")
    )
    for trial in Grid.load().trials():
        write_trial(trial)


def write_trial(
    trial: Trial, points: list[dict[str, Any]] | None = None, diverged_at: int | None = None
) -> None:
    points = [POINT, LAST] if points is None else points
    write_json(
        SCORES / trial.name / "points.json", {"diverged_at_generator_step": diverged_at, "points": points}
    )
    losses = {"discriminator_loss": -0.123456, "generator_loss": 12345.678}
    write_json(TRAINING / trial.name / "metrics.json", losses | {"device": "cpu", "threads": 1})
    lines = [
        "generator_step,epoch,discriminator_loss,generator_loss",
        *(f"{step},0.1,0.5,0.7" for step in (1, 5)),
    ]
    (TRAINING / trial.name / "losses.csv").write_text("\n".join([*lines, "10,0.2,,0.6", ""]))


def read_table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_table_of_the_default_has_a_row_a_trial_and_fits_into_120_columns() -> None:
    main()
    header, *rows = call("dvc", "metrics", "show").splitlines()
    assert header.split() == [
        "Path",
        "best_fid",
        "d_loss",
        "fid",
        "g_loss",
        "is",
        "kid",
        "precision",
        "recall",
    ]
    assert len(rows) == 18 and any(row.startswith("metrics/batch_norm-A-0.json ") for row in rows)
    assert max(map(len, [header, *rows])) < 120


def test_the_page_has_three_charts_of_all_trials_and_needs_no_network() -> None:
    main()
    call("dvc", "plots", "show")
    page = Path("dvc_plots/index.html").read_text(encoding="utf-8")
    specifications = [json.loads(text) for text in re.findall(r"var spec = (\{.*\});", page)]
    assert len(specifications) == 3
    for specification in specifications:
        shown = {f"{row['gan']}-{row['setting']}-{row['seed']}" for row in specification["data"]["values"]}
        assert shown == {trial.name for trial in Grid.load().trials()}
    assert {row["network"] for row in specifications[2]["data"]["values"]} == {"discriminator", "generator"}
    assert not re.search(r"<(script|link|img)[^>]* (src|href)=[\"']?http", page)


def test_the_page_has_the_versions_that_dvc_would_load() -> None:
    page = (ROOT / ".dvc/plots/page.html").read_text(encoding="utf-8")
    versions = re.findall(r"npm/[\w-]+@([\d.]+)", VegaRenderer.SCRIPTS)
    assert len(versions) == 3
    assert all(f'"{version}"' in page for version in versions)


def test_the_numbers_are_of_the_last_point_and_the_lowest_fid_is_of_all() -> None:
    record = read_trial(TRIAL)
    assert record is not None
    assert summarise_trial(record) == {
        "best_fid": 329.7,
        "fid": 1430,
        "is": 2.0,
        "kid": -0.00012,
        "precision": 0.5,
        "recall": 0.006,
        "d_loss": -0.1235,
        "g_loss": 12350,
    }


@pytest.mark.parametrize(
    ("number", "shown"), [(0.0, 0.0), (0.99999, 1.0), (999.94, 999.9), (999.96, 1000), (-123456.0, -123500)]
)
def test_a_number_has_four_digits(number: float, shown: float | int) -> None:
    assert shorten_number(number) == shown and type(shorten_number(number)) is type(shown)


def test_a_trial_that_diverged_says_so_and_has_no_scores_that_there_are_not() -> None:
    write_trial(TRIAL, points=[], diverged_at=26)
    record = read_trial(TRIAL)
    assert record is not None
    assert summarise_trial(record) == {"d_loss": -0.1235, "g_loss": 12350, "diverged_at": 26}


def test_trials_without_results_and_those_of_former_params_are_left_out() -> None:
    write_json(METRICS_FOLDER / "vanilla-A-0.json", {"fid": 1.0})
    shutil.rmtree(SCORES / TRIAL.name)
    main()
    assert len(list(METRICS_FOLDER.iterdir())) == 17
    assert len(read_table(CURVES / "scores.csv")) == 17 * 2


def write_entries(**entries: list[dict[str, Any]]) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["entries"] = {name: {"title": "T"} for name in ("unscored", *entries)}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for name, points in entries.items():
        write_json(entry_folder(name) / "points.json", {"points": points})


def test_each_file_of_an_entry_has_a_row_and_a_level_line_wherever_its_name_sorts() -> None:
    main()
    curves = (CURVES / "scores.csv").read_text()
    scores = {key: value for key, value in LAST.items() if key != "generator_step"}
    write_entries(
        aaa=[scores | {"seed": 0}, scores | {"seed": 1, "fid": 12.34567}], zzz=[scores | {"seed": 0}]
    )
    main()
    header, *rows = call("dvc", "metrics", "show").splitlines()
    assert len(rows) == 18 + 3 and max(map(len, [header, *rows])) < 120 and len(header.split()) == 9
    assert read_json(METRICS_FOLDER / "entry-aaa-1.json", "") == {
        **{"best_fid": 12.35, "fid": 12.35, "is": 2.0, "kid": -0.00012, "precision": 0.5, "recall": 0.006}
    }
    assert (CURVES / "scores.csv").read_text().startswith(curves)
    lines = read_table(CURVES / "scores.csv")[18 * 2 :]
    assert [(row["gan"], row["seed"], row["generator_step"]) for row in lines] == [
        (name, seed, step)
        for name, seed in (("entry-aaa", "0"), ("entry-aaa", "1"), ("entry-zzz", "0"))
        for step in ("400", "800")
    ]
    assert {row["setting"] for row in lines} == {"none"} and lines[2]["fid"] == "12.34567"


def test_an_entry_without_an_inception_score_or_with_a_damaged_record_is_told() -> None:
    write_entries(aaa=[{"seed": 0, "fid": 1.0, "inception_score": None}])
    main()
    assert read_json(METRICS_FOLDER / "entry-aaa-0.json", "") == {"best_fid": 1.0, "fid": 1.0}
    write_entries(aaa=[{"seed": 0}])
    with pytest.raises(InputError, match=r"entry-aaa/points.json is damaged .*: `dvc repro -f entry@aaa`"):
        main()


def test_a_loss_that_is_not_finite_is_left_out_of_its_curve() -> None:
    main()
    rows = [
        row for row in read_table(CURVES / "losses.csv") if row["gan"] == "sngan" and row["setting"] == "B"
    ]
    assert [(row["generator_step"], row["network"]) for row in rows] == [
        ("1", "discriminator"),
        ("1", "generator"),
        ("5", "discriminator"),
        ("5", "generator"),
        ("10", "generator"),
    ]


@pytest.mark.parametrize("count", [0, 1, MOST_STEPS, MOST_STEPS + 1, 1234])
def test_of_many_rows_evenly_spaced_ones_are_chosen_with_the_last(count: int) -> None:
    rows = [{"generator_step": str(index)} for index in range(count)]
    chosen = choose_rows(rows)
    assert len(chosen) <= MOST_STEPS and chosen[-1:] == rows[-1:]
    assert count > MOST_STEPS or chosen == rows


def test_nothing_to_sum_up_is_an_error() -> None:
    shutil.rmtree(SCORES)
    with pytest.raises(InputError, match="hold no trial of those in params.yaml; `dvc repro` makes them"):
        main()


@pytest.mark.parametrize(
    ("file", "content", "stage"),
    [
        (SCORES / TRIAL.name / "points.json", "{", "evaluate@sngan-B-0"),
        (SCORES / TRIAL.name / "points.json", '{"points": []}', "evaluate@sngan-B-0"),
        (
            SCORES / TRIAL.name / "points.json",
            '{"points": 3, "diverged_at_generator_step": null}',
            "evaluate",
        ),
        (
            SCORES / TRIAL.name / "points.json",
            '{"points": [{}], "diverged_at_generator_step": null}',
            "evaluate",
        ),
        (TRAINING / TRIAL.name / "metrics.json", "[", "train@sngan-B-0"),
        (TRAINING / TRIAL.name / "losses.csv", "generator_step\n1\n", "train@sngan-B-0"),
    ],
)
def test_a_damaged_file_is_named_with_the_stage_that_makes_it_anew(
    file: Path, content: str, stage: str
) -> None:
    file.write_text(content)
    with pytest.raises(InputError, match=rf"{file} is damaged .*: `dvc repro -f {stage}"):
        main()
