"""The order of the page's sections, and its first screens as a real browser shows them."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from stages.report.__main__ import main
from stages.report.claims.all_claims import summarise_claims
from stages.report.figures.plot_style import choose_log_ticks
from stages.report.model.sections import Claim, Outcome
from tests.report.conftest import write_without_figures

Write = Callable[..., None]
GANS = ("began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan")
SECTIONS = [
    "answer",
    "table",
    "claims",
    "contrasts",
    "settings",
    "training",
    "budgets",
    "progression",
    "images",
]
SECTIONS += ["copying", "losses", "limits", "trials", "provenance", "protocol", "lipschitz", "ablation"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# This page shows the report in a frame as wide as a phone or a desktop, because a browser's window has a minimum width.
# It records the positions of elements.
FRAME = """<!doctype html><body>
<iframe style="border: 0; width: {width}px; height: {height}px" srcdoc="{page}"></iframe>
<pre></pre><script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument;
  const end = (name) => page.querySelector(name).getBoundingClientRect().bottom;
  document.querySelector("pre").textContent = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    ends: [".sentence", ".answer .sheet img", ".strip figure:last-child", ".table1"].map(end),
  }});
}};
</script></body>"""


class Order(HTMLParser):
    """Lists the sections' headings, pictures and tables of a page as they come."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.items: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "h2":
            self.items.append(dict(attrs)["id"] or "")
        elif tag in ("img", "table"):
            self.items.append(f"<{tag}>")


def name_trials(seeds: int) -> dict[str, list[tuple[float, float]]]:
    return {
        f"{gan}-{setting}-{seed}": [
            (2.0 + place / 3, 90.0 - place),
            (2.5 + place / 2 + seed / 9, 80.0 - place - seed),
        ]
        for place, gan in enumerate(GANS)
        for setting in "ABC"
        for seed in range(seeds)
    }


def read_page() -> str:
    return Path("report/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_page_goes_from_the_answer_by_the_claims_to_the_evidence(
    write_results: Write, seeds: int
) -> None:
    write_results(name_trials(seeds))
    write_without_figures()
    items = Order(read_page()).items
    assert [item for item in items if not item.startswith("<")] == SECTIONS
    claims = items.index("claims")
    assert (
        items.index("answer") < items.index("<img>") < items.index("table") < items.index("<table>") < claims
    )


def test_decided_claims_come_first(write_results: Write) -> None:
    write_results(name_trials(3))
    verdicts = [claim.outcome for claim in write_without_figures().claims]
    assert len(set(verdicts)) > 2
    assert verdicts == sorted(verdicts, key=list(Outcome).index)


def make_claims(**counts: int) -> list[Claim]:
    return [
        Claim("", "", Outcome[name], "", None, None, "", "", "table")
        for name, count in counts.items()
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (
            {"HOLDS": 2, "FAILS": 4, "OPEN": 10},
            "Of 16 claims of Feng et al., 2 hold, 4 do not and 10 cannot be told",
        ),
        ({"HOLDS": 1, "FAILS": 1}, "Of 2 claims of Feng et al., 1 holds and 1 does not"),
        ({"FAILS": 3, "UNASKED": 1}, "Of 4 claims of Feng et al., 3 do not hold and 1 was not asked"),
        ({"OPEN": 1}, "Of 1 claim of Feng et al., 1 cannot be told"),
    ],
)
def test_verbs_agree_with_their_numbers(counts: dict[str, int], text: str) -> None:
    assert summarise_claims(make_claims(**counts), 3) == f"{text}, at 95 % and with 3 seeds."


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5, 2000.0, [1.0, 10.0, 100.0, 1000.0]),
        (30.0, 400.0, [30.0, 100.0, 300.0]),
        (40.0, 230.0, [50.0, 100.0, 200.0]),
        (2.9, 5.2, [3.0, 4.0, 5.0]),
        (8.7, 14.6, [9.0, 10.0, 11.0, 12.0, 13.0, 14.0]),
        (95.0, 130.0, [100.0, 110.0, 120.0, 130.0]),
        (1.02, 1.09, [1.02, 1.04, 1.06, 1.08]),
    ],
)
def test_a_logarithmic_scale_has_round_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert choose_log_ticks(low, high) == pytest.approx(ticks)


def measure(page: str, width: int, height: int, folder: Path) -> tuple[float, list[float]]:
    """Lay out the page in a browser; return its width and where the parts of the first screens end, in pixels."""
    frame = folder / "frame.html"
    text = FRAME.format(page=html.escape(page), width=width, height=height)
    frame.write_text(text, encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
    ]
    shown = subprocess.run(
        [str(CHROMIUM), *options, frame.as_uri()], capture_output=True, text=True, timeout=300, check=True
    ).stdout
    (found,) = re.findall(r"<pre>(.*?)</pre>", shown)
    values = json.loads(html.unescape(found))
    return values["width"], values["ends"]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("seeds", [1, 3])
def test_answer_figure_images_and_table_are_on_the_first_two_screens(
    write_results: Write, tmp_path: Path, seeds: int
) -> None:
    write_results(name_trials(seeds))
    main()
    page = read_page()
    for width, height in ((1280, 800), (390, 844)):
        page_width, ends = measure(page, width, height, tmp_path)
        assert page_width <= width
        assert ends == sorted(ends) and ends[-1] <= 2 * height, (width, ends)
