"""If DVC's cache cannot be written, one line says so and gives the cure before anything runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.dvc.cache_access import require_writable_cache
from tests.driving import ROOT, make_environment

# Root may write anywhere unless it gives up these capabilities.
OVERRIDES = "-dac_override,-dac_read_search"
ORDINARY = ["setpriv", f"--bounding-set={OVERRIDES}", f"--inh-caps={OVERRIDES}"] if os.getuid() == 0 else []
ASK = """
import sys
from pathlib import Path
from pipeline.dvc.cache_access import require_writable_cache
require_writable_cache(Path(sys.argv[1]))
"""

NEEDS_ORDINARY_USER = pytest.mark.skipif(
    bool(ORDINARY) and shutil.which("setpriv") is None, reason="root may write to any folder"
)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    for name in ("files/md5/ab", "files/md5/c0", "runs/12/" + "3" * 64):
        (tmp_path / "of all" / name).mkdir(parents=True)
    return tmp_path / "of all"


def ask(cache: Path, closed: Path) -> str:
    """Run the check as an ordinary user with a read-only folder, and return the last line of its output."""
    closed.chmod(0o555)
    done = subprocess.run(
        [*ORDINARY, sys.executable, "-c", ASK, str(cache)],
        env=make_environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    closed.chmod(0o755)
    return done.stderr.splitlines()[-1]


@NEEDS_ORDINARY_USER
@pytest.mark.parametrize("closed", ["", "files", "files/md5", "files/md5/c0", "runs", "runs/12"])
def test_a_folder_that_cannot_be_written_is_named(closed: str, cache: Path) -> None:
    told = ask(cache, cache / closed)
    assert f"DVC's cache {cache} cannot be written by this user ({cache / closed})" in told
    assert f"dvc remote add --local --default shared '{cache}'" in told


@NEEDS_ORDINARY_USER
def test_a_cache_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    told = ask(tmp_path / "disk/cache/of/us", tmp_path / "disk")
    assert (
        f"DVC's cache {tmp_path / 'disk/cache/of/us'} cannot be written by this user ({tmp_path / 'disk'})"
        in told
    )


def test_a_cache_that_can_be_written_or_is_not_there_is_taken(cache: Path, tmp_path: Path) -> None:
    require_writable_cache(cache)
    require_writable_cache(tmp_path / "none")
