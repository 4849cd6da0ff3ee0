"""What `make` says at once, before it creates the environment: its list, and what is wrong with a call."""

import subprocess
from pathlib import Path

import pytest

from tests.driving import ROOT, make_environment


def make(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Call `make` with an environment that would be created in an empty folder, where nothing may appear."""
    done = subprocess.run(
        ["make", f"VENV={folder / 'venv'}", *words],
        cwd=ROOT,
        env=make_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not list(folder.iterdir())
    return done


def test_make_alone_lists_every_documented_target_within_80_columns(tmp_path: Path) -> None:
    done = make(folder=tmp_path)
    lines = done.stdout.splitlines()
    targets = [
        line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":  ## " in line
    ]
    listed = [line.split()[1] for line in lines if line.startswith("make ")]
    assert done.returncode == 0 and max(map(len, lines)) <= 80
    assert set(targets) <= set(listed) and "reproduce" in listed


@pytest.mark.parametrize("target", ["reproduc", "UI", "runn", "test-fats"])
def test_a_target_that_does_not_exist_is_named(target: str, tmp_path: Path) -> None:
    done = make(target, folder=tmp_path)
    assert done.returncode != 0
    assert done.stderr.startswith(f"error: make knows no '{target}'; `make help` lists what it knows\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["preset"], "NAME= is no preset: make preset NAME=..., one of ablations, default, headline"),
        (["preset", "NAME=smok"], "NAME=smok is no preset"),
        (["preset", "NAME=smoke.yaml"], "NAME=smoke.yaml is no preset"),
        (["own"], "IMAGES is missing: make own IMAGES=FOLDER"),
    ],
)
def test_what_a_target_needs_is_asked_for_before_the_environment_is_made(
    words: list[str], message: str, tmp_path: Path
) -> None:
    done = make(*words, folder=tmp_path)
    assert done.returncode != 0 and done.stdout == "" and message in done.stderr
