"""Page, Markdown, JSON and CSV are rendered from one `Report` value, and so agree with each other."""

import csv
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pydantic import TypeAdapter

from stages.common.artifacts import NEIGHBOURS, read_json, write_json
from stages.report import formatting, render
from stages.report.model.report import Report, Row
from stages.report.statistics.budgets import name_budget
from stages.report.statistics.metrics import Metric
from tests.report.conftest import remove_classes, write_without_figures
from tests.report.test_lipschitz_section import make_row, write_analysis

Write = Callable[..., None]
Texts = list[list[str]]
"""For each row of a table the texts that stand in it, in this order."""

GRID = {
    f"{gan}-{setting}-{seed}": [(1.0 + place + seed / 10, 90.0 - place), (1.5 + place, 80.0 - place - seed)]
    for place, gan in enumerate(("began", "wgan_gp", "sngan"))
    for setting in "AC"
    for seed in (0, 1)
}
TEMPLATES = Path(render.__file__).parent / "templates"


class Tables(HTMLParser):
    """Collects the text of a page, and the rows of its tables by the heading that they stand under."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.rows: dict[str, list[str]] = {}
        self.tag = ""
        self.feed(text)
        self.text = normalise(self.text)
        self.rows = {
            normalise(heading): [normalise(row) for row in rows] for heading, rows in self.rows.items()
        }

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("h2", "tbody", "script", "style"):
            self.tag = tag
        if tag == "h2":
            self.heading = ""
        if tag == "tr" and self.tag == "tbody":
            self.rows.setdefault(self.heading, []).append("")
        self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.tag:
            self.tag = ""
        self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        if self.tag in ("script", "style"):
            return
        self.text += data
        if self.tag == "h2":
            self.heading += data
        if self.tag == "tbody" and self.rows.get(self.heading):
            self.rows[self.heading][-1] += data


def normalise(text: str) -> str:
    """Replace the page's typographic spaces and quotes by plain ones."""
    return " ".join(text.replace("’", "'").replace("“", '"').replace("”", '"').split())


def read_page() -> Tables:
    return Tables(Path("report/index.html").read_text(encoding="utf-8"))


def read_markdown() -> Tables:
    text = Path("report/report.md").read_text(encoding="utf-8")
    return Tables(MarkdownIt("commonmark").enable("table").render(text))


def list_table1(report: Report) -> Texts:
    return [
        [
            row["name"],
            *(
                text
                for show in (show_last, show_sureness, show_best)
                for metric in report.metrics.values()
                for text in show(row, metric)
            ),
            *(
                metric.format(row[f"{source.key}_{metric.key}"])
                for source in report.sources
                for metric in report.metrics.values()
            ),
        ]
        for row in report.table1
    ]


def show_last(row: Row, metric: Metric) -> list[str]:
    return [
        formatting.format_value(row, metric),
        formatting.format_interval(row, metric),
        formatting.format_rank(row, metric),
    ]


def show_sureness(row: Row, metric: Metric) -> list[str]:
    return [formatting.format_probability(row, metric)]


def show_best(row: Row, metric: Metric) -> list[str]:
    return [
        formatting.format_value(row, metric, "_best"),
        formatting.format_interval(row, metric, "_best"),
        # The page leaves out the separating dash if the value itself is a dash.
        formatting.format_place(row, metric).removeprefix(formatting.NONE),
        formatting.format_epoch(row, metric),
    ]


def list_cells(report: Report) -> Texts:
    return [
        [
            row["name"],
            row["setting"],
            *(
                text
                for metric in report.metrics.values()
                for of in ("_best", "_last")
                for text in (
                    formatting.format_value(row, metric, of),
                    formatting.format_interval(row, metric, of),
                )
            ),
        ]
        for row in report.cells
    ]


def list_budgets(report: Report) -> Texts:
    return [
        [
            name_budget(row["budget"]),
            row["name"],
            *(formatting.format_steps(row, key) for key in ("generator_step", "discriminator_steps")),
            *(
                text
                for metric in report.metrics.values()
                for text in (
                    metric.format(row[metric.key]),
                    formatting.format_interval(row, metric),
                    str(row[f"{metric.key}_rank"] or "–"),
                )
            ),
        ]
        for row in report.budgets
    ]


def list_trials(report: Report) -> Texts:
    return [
        [
            row["name"],
            row["setting"],
            str(row["seed"]),
            *(
                text
                for metric in report.metrics.values()
                for text in (
                    metric.format(row[metric.key]),
                    str(row[f"{metric.key}_generator_step"] or "–"),
                    metric.format(row[f"{metric.key}_last"]),
                )
            ),
            str(row["least_distinct_images"] or "–"),
        ]
        for row in report.trials
    ]


def list_ablation(report: Report) -> Texts:
    return [
        [row.title, row.missing]
        if row.missing is not None
        else [
            row.title,
            str(row.distinct_images),
            *(metric.format(getattr(row, metric.key)) for metric in report.metrics.values()),
            ", ".join(row.worse_than) or "none",
        ]
        for row in report.ablation.rows
    ]


def list_claims(report: Report) -> Texts:
    return [
        [claim.text, claim.verdict, formatting.format_agreement(claim.published), claim.numbers]
        for claim in report.claims
    ]


def list_lipschitz(report: Report) -> Texts:
    return [
        [
            row.name,
            row.score_name,
            *map(formatting.format_count, (row.within_one, row.within_sigma_product, row.within_bound)),
            *map(formatting.format_range, (row.sigma, row.operator_norm, row.sigma_product)),
            *map(formatting.format_range, (row.operator_norm_product, row.normaliser_norm)),
            *map(formatting.format_range, (row.mean_gradient_between, row.largest_gradient)),
        ]
        for row in report.lipschitz.rows
    ]


def list_settings(report: Report) -> Texts:
    return [[letter, *map(str, numbers.values())] for letter, numbers in report.settings.items()]


TABLES: dict[str, tuple[str, str, Callable[[Report], Texts]]] = {
    "table1": ("Table 1", "Table 1", list_table1),
    "cells": ("By setting", "By setting", list_cells),
    "budgets": ("At equal budgets", "At equal budgets", list_budgets),
    "trials": ("All trials", "All trials", list_trials),
    "ablation": ("What the evaluation alone explains", "What the evaluation alone explains", list_ablation),
    "claims": (
        "What Feng et al. claimed, checked here",
        "What Feng et al. claimed, checked here",
        list_claims,
    ),
    "lipschitz": ("How steep the discriminators are", "How steep the discriminators are", list_lipschitz),
    "settings": ("Protocol", "Protocol", list_settings),
}


@pytest.fixture(params=[True, False], ids=["both scores", "no Inception Score"])
def report(write_results: Write, request: pytest.FixtureRequest) -> Report:
    """Write a report with two seeds, a trial that diverged and one without results."""
    write_results(GRID | {"began-C-1": GRID["began-C-1"][:1]}, diverged={"began-C-1": 15})
    Path("results/evaluate/wgan_gp-A-1/points.json").unlink()
    for gan in ("began", "sngan"):
        write_analysis(f"{gan}-A-0", make_row(10), make_row(20, largest=2.5))
    if not request.param:
        remove_classes()
    return write_without_figures()


def assert_row_holds(row: str, texts: list[str]) -> None:
    place = 0
    for text in map(normalise, texts):
        found = row.find(text, place)
        assert found >= 0, f"{text!r} is not in {row[place:]!r}"
        place = found + len(text)


@pytest.mark.parametrize("name", TABLES)
def test_page_and_markdown_show_every_row_of_the_value(report: Report, name: str) -> None:
    page_heading, markdown_heading, list_texts = TABLES[name]
    for rows in (read_page().rows[page_heading], read_markdown().rows[markdown_heading]):
        expected = list_texts(report)
        assert len(rows) == len(expected) > 0
        for row, texts in zip(rows, expected, strict=True):
            assert_row_holds(row, texts)


def test_page_and_markdown_show_every_contrast(report: Report) -> None:
    heading = "Who differs from SNGAN"
    page, count = read_page().rows[heading], 2 * len(report.metrics)
    markdown = read_markdown().rows[heading][:count]
    contrasts = [(report.metrics[found.metric], row) for found in report.contrasts for row in found.rows]
    assert len(markdown) == len(contrasts) == count
    for line, (metric, row) in zip(markdown, contrasts, strict=True):
        name = report.find_gan(row.rival).name
        numbers = [
            formatting.format_ratio(row.ratio),
            formatting.format_ratio_interval(row.low, row.high),
            *map(formatting.format_p_cell, (row.p, row.corrected_p)),
        ]
        assert_row_holds(line, [formatting.capitalise(metric.short), name, *numbers])
        assert any(line.startswith(name) for line in page)
        assert_row_holds(page.pop(0), [name, *numbers])


def test_page_and_markdown_show_the_probability_of_every_rank(report: Report) -> None:
    ranks = [row for ranking in report.rankings for row in ranking.rows]
    for tables in (read_page(), read_markdown()):
        lines = tables.rows["Who differs from SNGAN"][2 * len(report.metrics) :]
        for line, row in zip(lines[: len(ranks)], ranks, strict=True):
            shares = [f"{share:.2f}" for share in row.probabilities]
            assert len(shares) == len(report.gans)
            assert_row_holds(line, [report.find_gan(row.gan).name, *shares])


def test_page_and_markdown_hold_the_same_sentences(report: Report) -> None:
    sentences = [
        report.answer,
        report.claims_summary,
        report.seeds_note,
        *(claim.form for claim in report.claims),
        *(claim.power for claim in report.claims),
        *report.limits,
        *(fact.full_value or fact.value for fact in report.protocol_facts),
        f"Missing from all that follows: {', '.join(report.missing)}.",
        f"Missing from this section: {', '.join(report.lipschitz.missing)}.",
        *(agreement.text for order in report.orders for agreement in order.agreements),
    ]
    page, markdown = read_page().text, read_markdown().text
    # The page shows a shortened hash, and the whole hash as a tooltip.
    shown = [fact.value for fact in report.protocol_facts if fact.full_value]
    hidden = [fact.full_value for fact in report.protocol_facts if fact.full_value]
    for sentence in map(normalise, sentences):
        assert sentence in markdown
        assert sentence in page or sentence in hidden
    assert all(value in page for value in shown)


def test_the_json_file_is_the_value(report: Report) -> None:
    text = Path("report/results.json").read_text(encoding="utf-8")
    assert TypeAdapter(Report).validate_json(text) == report


def test_the_csv_files_are_the_tables_of_the_value(report: Report) -> None:
    tables: dict[str, Any] = {"table1": report.table1, "cells": report.cells, "trials": report.trials}
    for name, rows in tables.items():
        assert read_csv(name) == [to_text(row | report.protocol) for row in rows]
    contrasts = [(found, row) for found in report.contrasts for row in found.rows]
    for written, (found, row) in zip(read_csv("contrasts"), contrasts, strict=True):
        assert (written["metric"], written["rival"]) == (found.metric, row.rival)
        assert [written["ratio"], written["p"]] == [
            "" if value is None else str(value) for value in (row.ratio, row.p)
        ]
        assert float(written["least_sign_p"]) == found.least_sign_p


def read_csv(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(f"report/{name}.csv").read_text(encoding="utf-8").splitlines()))


def to_text(row: Row) -> dict[str, str]:
    return {key: "" if value is None else str(value) for key, value in row.items()}


ONE_OF_MANY = re.compile(
    r"\b1 (GANs|settings|Adam settings|seeds|trainings|images|blocks|claims|pairs|trials|samples|snapshots"
    r"|training images|real images|generator steps|splits|subsets)\b"
)


def test_nothing_is_said_of_several_where_there_is_one(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    write_analysis("sngan-A-0", make_row(10))
    path = NEIGHBOURS / "neighbours.json"
    counts = {"sample_count": 1, "held_out_count": 1, "train_count": 1}
    write_json(path, read_json(path, "neighbours") | counts)
    report = write_without_figures()
    assert report.claims_summary.endswith(
        "Each GAN was trained once under each setting, which decides no claim about scores."
    )
    for tables in (read_page(), read_markdown()):
        assert "1 GAN under 1 Adam setting: 1 training on" in tables.text
        assert not ONE_OF_MANY.findall(tables.text)
        assert "several seeds" not in tables.text and "over seeds," not in tables.text


# These numbers belong to the name of a publication, to a formula, or to a format that all images have.
ALLOWED_NUMBERS = (
    "Table 1",
    "section 2",
    "et al. 2018",
    "Feng, Xu and Li 2019",
    "1-Lipschitz",
    "far from 1",
    "not by 1",
    "of norm 1",
    "(1 + P)",
    "up to\n  1/√ε",
    "of 255",
    "least 1?",
    "most 1?",
    ">1?<",
    "SHA-256",
    "MD5",
    "CIFAR-10",
)


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.md.jinja")) + sorted(TEMPLATES.rglob("*.html.jinja"))
)
def test_no_template_writes_a_number_that_code_or_data_hold(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for pattern in (r"<script>.*?</script>", r"{%.*?%}", r"{{.*?}}", r"</?h\d.*?>", r'\b[\w-]+="[^"]*"'):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    for allowed in ALLOWED_NUMBERS:
        text = text.replace(allowed, "")
    assert not re.findall(r"\w*\d[\w.]*", text)
