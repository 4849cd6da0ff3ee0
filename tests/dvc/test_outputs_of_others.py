"""A stage whose outputs another user has made, as in a shared folder, runs for all who may write there."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from pipeline.dvc.repo import open_repo
from tests.driving import ROOT, call

OTHER = 65534
# Root may do all that is asked here unless it gives up these capabilities.
POWERS = "-fowner,-dac_override,-dac_read_search"
ORDINARY = ["setpriv", f"--bounding-set={POWERS}", f"--inh-caps={POWERS}"]
DVC = [sys.executable, "-c", "from tests.dvc.test_outputs_of_others import run; run()"]
DVC_YAML = """
stages:
  first:
    always_changed: true
    cmd: mkdir -p kept && echo more >> kept/one.txt && echo more >> kept/two.txt
    outs: [{kept: {persist: true}}]
  second:
    always_changed: true
    cmd: echo more >> file.txt
    outs: [{file.txt: {persist: true}}]
"""


def run() -> None:
    with open_repo() as (repo, _):
        repo.reproduce()


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root may give files away"
)
@pytest.mark.parametrize("mode", [0o666, 0o644, 0o444, 0o646])
def test_an_output_of_another_user_is_written_in_a_folder_that_may_be_written(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    call("dvc", "init", "--quiet", "--no-scm")
    Path("dvc.yaml").write_text(DVC_YAML)
    call(*DVC)
    for path in map(Path, ("kept/one.txt", "kept/two.txt", "file.txt")):
        os.chown(path, OTHER, OTHER)
        path.chmod(mode)
    call(*ORDINARY, *DVC)
    for path in map(Path, ("kept/one.txt", "kept/two.txt", "file.txt")):
        assert path.read_text() == "more\nmore\n" and path.stat().st_uid == 0
    assert sorted(path.name for path in Path("kept").iterdir()) == ["one.txt", "two.txt"]
