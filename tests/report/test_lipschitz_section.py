"""The section on Lipschitz bounds, from analyses whose numbers are set by hand."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.common.grid import Grid
from stages.report.__main__ import main
from stages.report.claims.lipschitz import check_lipschitz_claims
from stages.report.figures.lipschitz import plot_gradient_norms, plot_layer_norms
from stages.report.figures.plot_style import write_figure
from stages.report.formatting import format_range
from stages.report.model.sections import LipschitzRow, Outcome
from stages.report.results.all_results import read_results
from stages.report.results.lipschitz import read_analyses
from stages.report.sections.lipschitz import build_lipschitz
from tests.report.conftest import read_results_file, write_without_figures

Write = Callable[..., None]
SCORES = {"began-A-0": [(1.0, 90.0)], "sngan-A-0": [(2.0, 60.0)], "batch_norm-A-0": [(2.0, 61.0)]}


def make_row(
    step: int,
    sigmas: tuple[float, float] = (1.0, 1.0),
    operators: tuple[float, float] = (2.0, 1.0),
    largest: float = 0.5,
    **changes: Any,
) -> dict[str, Any]:
    """Make a row of an analysis; the gradient's mean is half of its largest norm."""
    bound = operators[0] * operators[1]
    layers = [
        {
            "name": f"layer{index}",
            "kind": "linear",
            "sigma_estimate": 1.0,
            "sigma": sigma,
            "operator_norm": operator,
            "sigma_error": abs(sigma - 1) / sigma,
            "has_spectral_norm": True,
        }
        for index, (sigma, operator) in enumerate(zip(sigmas, operators, strict=True))
    ]
    row = {
        "generator_step": step,
        "score_name": "score",
        "layers": layers,
        "normalisers": [],
        "sigma_product": sigmas[0] * sigmas[1],
        "operator_norm_product": bound,
    }
    summaries = {
        "gradient_norm": {"mean": largest / 2, "largest": largest},
        "local_bound": {"largest": bound},
        "share_of_bound": {"largest": largest / bound},
    }
    kinds = ("real", "fake", "interpolated")
    return row | {key: dict.fromkeys(kinds, value) for key, value in summaries.items()} | changes


def write_analysis(name: str, *rows: dict[str, Any]) -> None:
    path = Path("results/lipschitz") / name / "metrics.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def build_rows() -> tuple[LipschitzRow, ...]:
    return build_lipschitz(read_results()).rows


def list_outcomes() -> str:
    """Write a letter for the outcome of each claim."""
    letters = {Outcome.FAILS: "f", Outcome.UNCONTRADICTED: "u", Outcome.UNASKED: "-"}
    return "".join(letters[claim.outcome] for claim in check_lipschitz_claims(read_analyses(Grid.load())))


def test_a_report_without_analyses_says_so(write_results: Write) -> None:
    write_results(SCORES)
    main()
    assert json.loads(Path("report/results.json").read_text())["lipschitz"]["rows"] == []
    assert "No discriminator has been analysed" in Path("report/index.html").read_text(encoding="utf-8")
    assert "No discriminator has been analysed" in Path("report/report.md").read_text(encoding="utf-8")
    assert not Path("report/lipschitz_layers.png").exists()


def test_rows_hold_ranges_at_the_end_and_counts_over_all_snapshots(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)], "sngan-C-0": [(2.0, 60.0)]})
    write_analysis("sngan-A-0", make_row(10, largest=1.5), make_row(20, sigmas=(1.5, 1.0), largest=0.25))
    write_analysis("sngan-C-0", make_row(10, largest=3.0), make_row(20, operators=(4.0, 3.0)))
    (row,) = build_rows()
    assert row.sigma == (1.0, 1.5)
    assert row.operator_norm_product == (2.0, 12.0)
    assert row.largest_gradient == (0.25, 0.5)
    assert row.mean_gradient_between == (0.125, 0.25)
    assert row.within_one == (2, 4)
    assert row.within_sigma_product == (2, 4)
    assert row.within_bound == (3, 4)
    assert row.share_of_bound == 1.5
    assert row.normaliser_norm is None


def test_the_pages_show_the_figures_the_answers_and_the_missing(write_results: Write) -> None:
    write_results(SCORES)
    write_analysis("sngan-A-0", make_row(10), make_row(20))
    normalisers = [{"name": "n", "kind": "batch_norm", "largest_jacobian_norm": 12.5}]
    write_analysis("batch_norm-A-0", make_row(10, largest=7.0, normalisers=normalisers))
    main()
    for name in ("report.md", "index.html"):
        text = Path("report", name).read_text(encoding="utf-8")
        assert "began-A-0" in text
        assert "12.5" in text
        assert "Small panels of gradient norms" in text
    markdown = Path("report/report.md").read_text(encoding="utf-8")
    section = markdown[markdown.index("## How steep") : markdown.index("## What the evaluation")]
    blocks = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert len(blocks) == 1
    assert all(len({line.count("|") for line in block.splitlines()}) == 1 for block in blocks)
    page = Path("report/index.html").read_text(encoding="utf-8")
    assert re.search(r'<th class="left"><span class="chip"[^>]*></span>SNGAN<small>score</small></th>', page)
    assert Path("report/lipschitz_gradients.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("row", "outcomes"),
    [
        (make_row(10, operators=(1.0, 1.0)), "uuuu-"),
        (make_row(10), "uufu-"),
        # Above 1 and the product of the reshaped weights' norms, not above that of the norms.
        (make_row(10, largest=1.5), "uuff-"),
        (make_row(10, largest=2.5), "fuff-"),
        (make_row(10, sigmas=(1.2, 1.0)), "uffu-"),
        (make_row(10, sigmas=(1.06, 1.0)), "uffu-"),
    ],
)
def test_each_claim_of_section_2_is_contradicted_by_its_own_number(
    write_results: Write, row: dict[str, Any], outcomes: str
) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    write_analysis("sngan-A-0", make_row(5, operators=(1.0, 1.0)), row)
    assert list_outcomes() == outcomes


def test_no_number_of_looks_proves_a_claim_about_everything(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    write_analysis("sngan-A-0", *[make_row(step, operators=(1.0, 1.0)) for step in range(1, 8)])
    verdicts = [claim.verdict for claim in check_lipschitz_claims(read_analyses(Grid.load()))]
    assert verdicts == ["not contradicted in 7 looks"] * 4 + ["not asked in this run"]


def test_equation_4_is_about_networks_without_normalisers(write_results: Write) -> None:
    write_results({"layer_norm-A-0": [(2.0, 60.0)], "sngan-A-0": [(2.0, 60.0)]})
    normalisers = [{"name": "n", "kind": "layer_norm", "largest_jacobian_norm": 12.5}]
    write_analysis("layer_norm-A-0", make_row(10, largest=7.0, normalisers=normalisers))
    write_analysis("sngan-A-0", make_row(10))
    claim = check_lipschitz_claims(read_analyses(Grid.load()))[0]
    assert claim.verdict == "not contradicted in 1 look"
    assert claim.numbers.startswith("so at 1 of 1 snapshot; the gradient reaches 0.25 times the product")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.5, 0.5), "0.5"),
        ((1.001, 2.0), "1–2"),
        ((8.7, 8704.4), "8.7–8,704"),
        ((1.0, None), "1–∞"),
    ],
)
def test_ranges_are_shown_in_three_digits(values: tuple[float, float | None], text: str) -> None:
    assert format_range(values) == text


def test_claims_of_spectral_normalisation_are_not_asked_without_it(write_results: Write) -> None:
    write_results({"wgan_gp-A-0": [(2.0, 60.0)]})
    row = make_row(10)
    for layer in row["layers"]:
        layer["has_spectral_norm"] = False
    write_analysis("wgan_gp-A-0", row)
    assert list_outcomes() == "u----"


def test_equation_4_is_not_asked_of_an_error_of_reconstruction(write_results: Write) -> None:
    write_results({"began-A-0": [(2.0, 60.0)]})
    write_analysis("began-A-0", make_row(10, score_name="mean absolute error of the reconstruction"))
    (row,) = build_rows()
    assert row.within_sigma_product is None
    assert row.within_bound == (1, 1)


def test_without_a_bound_there_is_a_dash(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    nothing = dict.fromkeys(("real", "fake", "interpolated"))
    write_analysis("sngan-A-0", make_row(10, local_bound=nothing, share_of_bound=nothing))
    (row,) = build_rows()
    assert row.within_bound is None and row.share_of_bound is None


def test_a_trial_that_diverged_before_its_first_snapshot_has_no_answer_and_is_not_missing(
    write_results: Write,
) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)], "sngan-C-0": []}, diverged={"sngan-C-0": 3})
    write_analysis("sngan-A-0", make_row(10))
    write_analysis("sngan-C-0")
    assert read_analyses(Grid.load()).missing == []
    assert len(build_rows()) == 1


@pytest.mark.parametrize("damage", ['{"generator_step": 1}\n', "{\n", "[]\n"])
def test_a_damaged_analysis_names_the_stage_that_makes_it(write_results: Write, damage: str) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    write_analysis("sngan-A-0")
    Path("results/lipschitz/sngan-A-0/metrics.jsonl").write_text(damage)
    with pytest.raises(ValueError, match=r"metrics.jsonl is damaged .*`dvc repro -f lipschitz@sngan-A-0`"):
        read_analyses(Grid.load())


def test_the_same_analyses_give_the_same_figures(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    write_analysis("sngan-A-0", make_row(10), make_row(20, largest=0.75))
    grid = Grid.load()
    for plot in (plot_layer_norms, plot_gradient_norms):
        contents = []
        for path in map(Path, ("first.png", "second.png")):
            write_figure(path, plot(read_analyses(grid), grid))
            contents.append(path.read_bytes())
        assert contents[0] == contents[1]


def test_a_norm_that_is_not_finite_is_null_in_the_file_and_shown_as_infinity(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    write_analysis("sngan-A-0", make_row(10), make_row(20, operator_norm_product=None))
    (row,) = build_rows()
    assert row.operator_norm_product == (None, None)
    assert format_range(row.operator_norm_product) == "∞"
    write_without_figures()
    assert read_results_file()["lipschitz"]["rows"][0]["operator_norm_product"] == [None, None]
