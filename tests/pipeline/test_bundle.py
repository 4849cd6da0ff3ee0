"""The bundle of the head's working tree has all files that a worker needs."""

import subprocess
from pathlib import Path

import pytest

from pipeline.bundle import bundle_working_tree
from pipeline.cluster.node import Clone, make_clone
from stages.common.errors import InputError
from tests.driving import call, commit


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a repository with one commit, uncommitted changes, a new file and an ignored file."""
    folder = tmp_path / "head"
    (folder / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(folder)
    call("git", "init", "--quiet")
    for name in ("kept", "changed", "removed", "staged"):
        Path(name).write_text("committed")
    Path(".gitignore").write_text("ignored\n/.dvc/config.local\n")
    Path(".dvc/config").write_text("[core]\n")
    commit("begin")
    Path("changed").write_text("in the working tree")
    Path("removed").unlink()
    Path("staged").write_text("staged")
    call("git", "add", "staged")
    Path("new file").write_text("new")
    Path("ignored").write_text("large")
    return folder


def unbundle(content: bytes, folder: Path) -> dict[str, str]:
    folder.mkdir()
    clone = make_clone(folder, Clone(content, "[core]\n", None, None, {}))
    listed = subprocess.run(["git", "ls-files"], cwd=clone, capture_output=True, text=True, check=True)
    return {name: (clone / name).read_text() for name in listed.stdout.splitlines()}


def test_it_holds_the_files_as_they_are_and_none_that_git_ignores(repository: Path, tmp_path: Path) -> None:
    files = unbundle(bundle_working_tree().content, tmp_path / "worker")
    assert files.pop(".gitignore") and files.pop(".dvc/config")
    assert files == {
        "kept": "committed",
        "changed": "in the working tree",
        "staged": "staged",
        "new file": "new",
    }
    assert repository.exists()


@pytest.mark.usefixtures("repository")
def test_the_repository_stays_as_it_was() -> None:
    before = call("git", "status", "--porcelain"), call("git", "for-each-ref"), call("git", "count-objects")
    first, second = bundle_working_tree(), bundle_working_tree()
    after = call("git", "status", "--porcelain"), call("git", "for-each-ref"), call("git", "count-objects")
    assert before == after
    assert first.tree == second.tree


@pytest.mark.usefixtures("repository")
def test_a_change_of_any_file_is_another_state() -> None:
    before = bundle_working_tree().tree
    Path("new file").write_text("newer")
    assert bundle_working_tree().tree != before


def test_a_folder_without_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="`git rev-parse` failed: .*not a git repository"):
        bundle_working_tree()
