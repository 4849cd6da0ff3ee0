"""A run has a tag with its Git commit, or with the reason why there is none."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.tracking.commit import describe_commit
from stages.common.cli import run_command


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@localhost")
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("dvc.yaml", "dvc.lock"):
        Path(name).write_text("stages: {}\n")
    return folder


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def commit_all() -> None:
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")


def test_the_commit_is_named_and_whether_files_other_than_dvc_lock_differ() -> None:
    commit_all()
    clean = {"mlflow.source.git.commit": git("rev-parse", "HEAD"), "git_dirty": "false"}
    assert describe_commit() == clean
    Path("dvc.lock").write_text("stages: other\n")
    assert describe_commit() == clean
    Path("dvc.yaml").write_text("stages: other\n")
    assert describe_commit() == clean | {"git_dirty": "true"}


@pytest.mark.parametrize(
    "words",
    [
        ("worktree", "add", "--quiet", "-b", "trial", "../tree"),
        ("clone", "--quiet", "--separate-git-dir", "../elsewhere", ".", "../tree"),
        ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "FOLDER", "tree"),
    ],
    ids=["a linked work tree", "a folder of its own", "a submodule"],
)
def test_a_working_tree_whose_git_files_lie_elsewhere_has_its_commit(
    words: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_all()
    git(*(str(folder) if word == "FOLDER" else word for word in words))
    monkeypatch.chdir("tree" if Path("tree").exists() else "../tree")
    assert Path(".git").is_file()
    Path("dvc.yaml").write_text("stages: other\n")
    git("commit", "--quiet", "--all", "--message", "second")
    expected = {"mlflow.source.git.commit": git("rev-parse", "HEAD"), "git_dirty": "false"}
    assert git("rev-parse", "HEAD~") != expected["mlflow.source.git.commit"]
    assert describe_commit() == expected


def test_the_index_is_left_to_programs_that_write_into_it() -> None:
    commit_all()
    index = Path(".git/index")
    before = index.read_bytes()
    # The same content at another time, which `git status` would record.
    os.utime("dvc.yaml", (1, 1))
    assert describe_commit()["git_dirty"] == "false"
    assert index.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"]
)
def test_a_command_means_the_repository_of_its_folder_whatever_a_hook_names(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_all()
    expected = {"mlflow.source.git.commit": git("rev-parse", "HEAD"), "git_dirty": "false"}
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    Path("dvc.yaml").write_text("stages: {other: {}}\n")
    commit_all()
    monkeypatch.chdir(folder)
    values = {
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": other / ".git/index",
        "GIT_OBJECT_DIRECTORY": other / ".git/objects",
    }
    monkeypatch.setenv(name, str(values.get(name, other / ".git")))
    found: dict[str, str] = {}
    run_command(lambda: found.update(describe_commit()))
    assert found == expected


def test_a_folder_without_a_repository_says_so() -> None:
    assert describe_commit() == {
        "git_commit_missing": "this folder is no Git repository (it may be an unpacked archive)"
    }


def test_a_repository_without_a_commit_says_so() -> None:
    git("init", "--quiet")
    assert describe_commit() == {"git_commit_missing": "the Git repository has no commit yet"}


def test_the_commit_of_another_repository_around_the_folder_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("of somebody\n")
    git("init", "--quiet")
    git("add", "notes.txt")
    git("commit", "--quiet", "--message", "first")
    monkeypatch.chdir("folder")
    assert "is another project's" in describe_commit()["git_commit_missing"]


@pytest.mark.parametrize("language", ["de_DE.UTF-8", "C"])
def test_a_repository_of_another_user_says_how_git_comes_to_trust_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    commit_all()
    # Git's own tests use this variable.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("LC_ALL", language)
    reason = describe_commit()["git_commit_missing"]
    assert f"run `git config --global --add safe.directory '{folder}'`" in reason


def test_a_machine_without_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_all()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe_commit() == {"git_commit_missing": "git is not installed"}


def test_a_repository_that_is_damaged_is_told_in_gits_words() -> None:
    commit_all()
    Path(".git/config").write_text("[core\n")
    assert describe_commit()["git_commit_missing"].startswith("git failed: fatal: bad config line 1")
