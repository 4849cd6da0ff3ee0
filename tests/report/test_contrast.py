"""Text on the page and in its figures stands out from what is behind it: by WCAG 2.2, level AA, 4.5 to 1."""

import re
from pathlib import Path

import pytest

from stages.report.figures.plot_style import MUTED

STYLE = Path(__file__).parents[2] / "stages/report/templates/sections/style.css.jinja"
LEAST = 4.5
TEXT = ("ink", "muted", "accent", "good", "bad")
Colour = tuple[float, float, float]


def parse_colour(text: str) -> Colour:
    red, green, blue = (int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def compute_contrast(one: Colour, other: Colour) -> float:
    """Compute the ratio of two colours' relative luminances, as WCAG 2.2 defines it."""

    def luminance(colour: Colour) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mix(front: Colour, behind: Colour, share: float) -> Colour:
    red, green, blue = (share * one + (1.0 - share) * other for one, other in zip(front, behind, strict=True))
    return red, green, blue


def read_schemes() -> list[dict[str, Colour]]:
    """Read the colours of the light and of the dark scheme from the style sheet."""
    blocks = re.findall(r":root \{([^}]*)\}", STYLE.read_text())
    return [
        {name: parse_colour(value) for name, value in re.findall(r"--(\w+): (#[0-9a-f]{6})", block)}
        for block in blocks
    ]


@pytest.mark.parametrize("scheme", read_schemes(), ids=["light", "dark"])
def test_text_stands_out_from_the_page_its_tables_and_coloured_rows(scheme: dict[str, Colour]) -> None:
    tints = re.findall(r"color-mix\(in srgb, var\(--(\w+)\) (\d+)%, transparent\)", STYLE.read_text())
    assert {name for name, _ in tints} == {"good", "bad"}
    behind = {"paper": scheme["paper"], "card": scheme["card"]}
    behind |= {f"{name} row": mix(scheme[name], scheme["card"], int(share) / 100) for name, share in tints}
    found = {
        (text, where): round(compute_contrast(scheme[text], colour), 2)
        for text in TEXT
        for where, colour in behind.items()
    }
    assert not {pair: ratio for pair, ratio in found.items() if ratio < LEAST}


def test_grey_text_of_figures_stands_out_from_their_paper() -> None:
    # The dark scheme shows figures on paper that is a little darker.
    for paper in ("#ffffff", "#ededed"):
        assert compute_contrast(parse_colour(MUTED), parse_colour(paper)) >= LEAST
