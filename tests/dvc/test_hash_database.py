"""DVC unpickles what is in its database of hashes, so nobody else may write there."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.dvc.hash_database import VARIABLE, use_private_folder
from pipeline.dvc.worker import WorkerPool
from tests.dvc.worker_functions import find_hash_database

NAME = f"dvc-{os.getuid()}"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    # The variable is set, so that pytest restores it at the end; an empty value counts as unset.
    monkeypatch.setenv(VARIABLE, "")


def share(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)


def give_away(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make a folder that belongs to somebody else")
    folder.mkdir(mode=0o700)
    os.chown(folder, 1234, 1234)


def link(folder: Path) -> None:
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)


def test_only_this_user_can_write_where_dvc_keeps_hashes(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        use_private_folder(tmp_path)
    finally:
        os.umask(before)
    assert os.environ[VARIABLE] == str(tmp_path / NAME)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o700
    os.environ[VARIABLE] = ""
    use_private_folder(tmp_path)
    assert os.environ[VARIABLE] == str(tmp_path / NAME)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: share(folder, 0o777),
        lambda folder: share(folder, 0o1777),
        lambda folder: share(folder, 0o770),
        link,
        give_away,
    ],
    ids=["for all", "for all, sticky", "for a group", "a link", "of another user"],
)
def test_a_folder_in_which_others_may_write_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path / NAME)
    with pytest.raises(ValueError, match=f"{NAME} must be a folder to which only you can write"):
        use_private_folder(tmp_path)
    assert not os.environ[VARIABLE]


def test_a_folder_that_the_user_has_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    use_private_folder(tmp_path)
    assert os.environ[VARIABLE] == str(tmp_path / "mine") and not (tmp_path / NAME).exists()


def test_dvc_keeps_its_hashes_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    (tmp_path / "dvc.yaml").write_text("stages: {one: {cmd: 'true'}}\n")
    with WorkerPool() as pool:
        assert Path(pool.call(find_hash_database)).is_relative_to(f"/var/tmp/{NAME}")
