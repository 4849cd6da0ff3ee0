"""A cache that DVC cannot write is told before anything runs, in one line with the way out."""

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


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    for name in ("files/md5/ab", "files/md5/c0", "runs/12/" + "3" * 64):
        (tmp_path / "cache" / name).mkdir(parents=True)
    return tmp_path / "cache"


@pytest.mark.skipif(bool(ORDINARY) and shutil.which("setpriv") is None, reason="root may write to any folder")
@pytest.mark.parametrize("closed", ["", "files", "files/md5", "files/md5/c0", "runs", "runs/12"])
def test_a_folder_that_cannot_be_written_is_named(closed: str, cache: Path) -> None:
    (cache / closed).chmod(0o555)
    done = subprocess.run(
        [*ORDINARY, sys.executable, "-c", ASK, str(cache)],
        env=make_environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    (cache / closed).chmod(0o755)
    told = done.stderr.splitlines()[-1]
    assert f"DVC's cache {cache / closed} cannot be written by this user" in told
    assert f"dvc remote add --local --default shared '{cache}'" in told


def test_a_cache_that_can_be_written_or_is_not_there_is_taken(cache: Path, tmp_path: Path) -> None:
    require_writable_cache(cache)
    require_writable_cache(tmp_path / "none")
