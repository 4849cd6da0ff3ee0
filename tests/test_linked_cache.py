"""Every stage works if DVC links outputs to its cache, which makes them read-only."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from stages.common.artifacts import OUTPUTS
from tests.driving import FORK_DVC, call, dvc

pytestmark = pytest.mark.slow
# Root may write to any file unless it gives up these capabilities.
OVERRIDES = "-dac_override,-dac_read_search"
ORDINARY = ["setpriv", f"--bounding-set={OVERRIDES}", f"--inh-caps={OVERRIDES}"] if os.getuid() == 0 else []


@pytest.mark.skipif(bool(ORDINARY) and shutil.which("setpriv") is None, reason="root may write to any file")
@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_every_stage_and_tracking_run_on_links(kind: str, repository: Path) -> None:
    dvc("config", "--local", "cache.type", kind)
    dvc("checkout", "--relink")
    outputs = [path for name in OUTPUTS for path in name.rglob("*") if path.is_file()]
    assert outputs and not any(path.stat().st_mode & stat.S_IWUSR for path in outputs)
    assert "ermission denied" in call(*ORDINARY, "sh", "-c", f"echo x >> {outputs[0]}", may_fail=True)
    call(*ORDINARY, *FORK_DVC, "repro", "--force")
    assert call("git", "status", "--porcelain") == ""
    # Nothing was written through a link, and MLflow can write its copies again.
    assert "differs" not in call("python", "-m", "pipeline.verify")
    copies = [
        path
        for path in Path("tracking/artifacts").rglob("*")
        if "report" in path.parts or "model" in path.parts
    ]
    assert copies and all(path.stat().st_mode & stat.S_IWUSR for path in copies)
