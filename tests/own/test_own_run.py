"""`make own` in a copy of the working tree makes a page at the first attempt, and loses no edited file."""

import sys
from pathlib import Path

import pytest

from pipeline.own.preset_file import write_own_preset
from pipeline.preset import find_preset, switch_preset
from tests.driving import ROOT, call, copy_working_tree
from tests.own.pictures import write_pictures


@pytest.fixture
def presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that has the presets and a params.yaml."""
    (tmp_path / "presets").mkdir()
    for path in (ROOT / "presets").glob("*.yaml"):
        if path.stem != "own":
            (tmp_path / "presets" / path.name).write_text(path.read_text())
    monkeypatch.chdir(tmp_path)
    switch_preset("default")


@pytest.mark.usefixtures("presets")
def test_a_params_yaml_edited_by_hand_is_kept() -> None:
    changes = {"gans": ["sngan", "batch_norm"]}
    edited = Path("params.yaml").read_text() + "# my own words\n"
    Path("params.yaml").write_text(edited)
    kept = write_own_preset(changes)
    assert kept is not None and kept.read_text() == edited
    Path("params.yaml").write_text(edited)
    again = write_own_preset(changes)
    assert again not in (None, kept)
    assert find_preset(Path("params.yaml").read_text()) == "own"


@pytest.mark.usefixtures("presets")
def test_a_preset_needs_no_copy_and_can_be_had_again() -> None:
    before = Path("params.yaml").read_text()
    assert write_own_preset({"gans": ["sngan"]}) is None
    assert write_own_preset({"gans": ["began"]}) is None
    switch_preset("default")
    assert Path("params.yaml").read_text() == before


@pytest.mark.slow
def test_the_first_attempt_on_own_images_shows_a_page(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    copy_working_tree(repository)
    pictures = write_pictures(tmp_path / "my pictures é", {"rose": 40, "tulpe ü": 40, "daisy": 40})
    # A program that stands in for a browser records the address that it was asked to open.
    opened = tmp_path / "opened.txt"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    printed = call(
        *(sys.executable, "-m", "pipeline.own", str(pictures), "--steps", "40"),
        folder=repository,
        DISPLAY=":0",
        BROWSER=f"{browser} %s",
    )
    page = repository / "report/index.html"
    assert f"The page: {page}" in printed and opened.read_text().strip() == page.as_uri()
    text = page.read_text(encoding="utf-8")
    assert "in one training of each GAN, which cannot tell which GAN is the best" in text
    # The page gives the number of images of each score.
    assert "1,000 images against 99 of the train split" in text and "21 images of either kind" in text
