"""Every stage works if DVC links outputs to its cache, which makes them read-only.

These runs are the second ones of the same commit, so they also show that it gives the same bytes.
"""

import json
import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from stages.common.artifacts import OUTPUTS, SCRATCH, TIMINGS
from tests.driving import FORK_DVC, call, dvc, list_run

pytestmark = pytest.mark.slow
# Root may write to any file unless it gives up these capabilities.
OVERRIDES = "-dac_override,-dac_read_search"
ORDINARY = ["setpriv", f"--bounding-set={OVERRIDES}", f"--inh-caps={OVERRIDES}"] if os.getuid() == 0 else []


needs_ordinary_user = pytest.mark.skipif(
    bool(ORDINARY) and shutil.which("setpriv") is None, reason="root may write to any file"
)


def check_read_only_outputs() -> None:
    """Check that a user cannot write to the outputs of stages, but can write to MLflow's copies of them."""
    outputs = [path for name in OUTPUTS for path in name.rglob("*") if path.is_file()]
    assert outputs and not any(path.stat().st_mode & stat.S_IWUSR for path in outputs)
    assert "ermission denied" in call(*ORDINARY, "sh", "-c", f"echo x >> {outputs[0]}", may_fail=True)
    copies = [
        path
        for path in Path("tracking/artifacts").rglob("*")
        if "report" in path.parts or "model" in path.parts
    ]
    assert copies and all(path.stat().st_mode & stat.S_IWUSR for path in copies)


def check_committed_hashes() -> None:
    """Check that all outputs have the hashes of the committed dvc.lock, as only untouched files of the cache do."""
    assert call("git", "status", "--porcelain") == ""
    verified = call("python", "-m", "pipeline.verify")
    line = r"^(\d+) of (\d+) deterministic outputs equal the committed hashes$"
    count = re.search(line, verified, flags=re.MULTILINE)
    assert count is not None and count[1] == count[2]


@needs_ordinary_user
def test_every_stage_and_tracking_run_again_over_outputs_that_are_hard_links(repository: Path) -> None:
    dvc("config", "--local", "cache.type", "hardlink")
    dvc("checkout", "--relink")
    check_read_only_outputs()
    call(*ORDINARY, *FORK_DVC, "repro", "--force")
    check_read_only_outputs()
    check_committed_hashes()


@needs_ordinary_user
def test_a_run_from_nothing_with_symbolic_links_gives_the_committed_hashes(repository: Path) -> None:
    for path in (*OUTPUTS, SCRATCH, TIMINGS, Path("tracking"), Path(".dvc/cache"), Path(".dvc/tmp")):
        shutil.rmtree(path)
    dvc("config", "--local", "cache.type", "symlink")
    assert "train@sngan-A-0" in list_run(call(*ORDINARY, *FORK_DVC, "repro"))
    assert Path("models/sngan-A-0/state.safetensors").is_symlink()
    check_committed_hashes()
    # The stages of one trial run again over their linked outputs, and tracking over its own copies.
    again = ("train", "lipschitz", "sample", "evaluate")
    targets = [*(f"{stage}@sngan-A-0" for stage in again), "report", "track"]
    assert list_run(call(*ORDINARY, *FORK_DVC, "repro", "--force", "--single-item", *targets)) == targets
    check_read_only_outputs()
    check_committed_hashes()
    # The duration of the training is on disk although its stage does not have it among its outputs.
    times = [
        json.loads(line) for path in TIMINGS.glob("sngan-A-0/*") for line in path.read_text().splitlines()
    ]
    assert {20, 40} <= {row["generator_step"] for row in times}
    assert times[-1]["elapsed_seconds"] > 0 and times[-1]["processor_seconds"] > 0
