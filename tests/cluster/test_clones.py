"""Find the clones of agents that were killed."""

import socket
from pathlib import Path

import pytest

from pipeline.cluster.clones import LOCK, hold, remove_left


def make(folder: Path) -> Path:
    folder.mkdir()
    (folder / "repository").mkdir()
    return folder


def test_a_clone_is_removed_once_its_agent_is_gone_and_no_other_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, used, foreign = (make(tmp_path / f"comparison-{name}") for name in ("left", "used", "foreign"))
    # The worker of this folder has not started its agent yet.
    begun, others = make(tmp_path / "comparison-begun"), make(tmp_path / "something-else")
    hold(left).close()
    hold(others).close()
    with monkeypatch.context() as patch:
        patch.setattr(socket, "gethostname", lambda: "another")
        hold(foreign).close()
    with hold(used):
        remove_left(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([used, foreign, begun, others])
    assert (used / LOCK).exists()
    remove_left(tmp_path)
    assert not used.exists()
