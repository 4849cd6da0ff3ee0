"""`make verify` finds damaged files that DVC would restore or keep without a warning."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import verify
from tests.driving import call, commit

DVC_YAML = """
stages:
  first:
    cmd: mkdir -p folder/inner && echo a > folder/a.txt && echo b > folder/inner/b.txt && echo c > c.txt
    deps: [input.txt]
    outs: [folder, c.txt]
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a repository with two outputs, a file and a folder, and with a committed dvc.lock."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    call("git", "init", "--quiet")
    Path("dvc.yaml").write_text(DVC_YAML)
    Path("input.txt").touch()
    with Repo.init() as repo:
        repo.reproduce()
    commit("run")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = verify.verify()
    return code, capsys.readouterr().out.splitlines()


def find_object(content: str) -> Path:
    (path,) = [
        path
        for path in Path(".dvc/cache/files/md5").rglob("*")
        if path.is_file() and path.read_text() == content
    ]
    return path


@pytest.mark.usefixtures("repository")
def test_all_is_equal_after_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder/.a.txt.abc.unfinished").touch()
    assert run(capsys) == (
        0,
        [
            "2 of 2 outputs on disk equal dvc.lock",
            "4 of 4 objects in DVC's cache have the content that their names say",
            "2 of 2 deterministic outputs equal the committed hashes",
        ],
    )


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


@pytest.mark.parametrize(
    ("find", "content"),
    [
        (lambda: find_object("a\n"), b"A\n"),
        (lambda: find_object("c\n"), b""),
        (lambda: next(Path(".dvc/cache/files/md5").rglob("*.dir")), b"["),
        (lambda: next(Path(".dvc/cache/files/md5").rglob("*.dir")), b"[1]"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_a_damaged_object_of_the_cache_is_named(
    find: Callable[[], Path], content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = find()
    overwrite(path, content)
    code, lines = run(capsys)
    assert code == 1
    (named,) = [line for line in lines if line.startswith("  differs:")]
    assert f"{path.parent.name}/{path.name} (remove it" in named
    # The advice in the message cures the fault.
    path.unlink()
    assert run(capsys)[0] == 0
    subprocess.run(["rm", "-r", "folder", "c.txt"], check=True)
    call("dvc", "repro")
    assert run(capsys)[0] == 0 and Path("folder/a.txt").read_text() == "a\n"


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda: Path("folder/inner/b.txt").write_text("B\n"), "folder"),
        (lambda: Path("folder/more.txt").touch(), "folder"),
        (lambda: Path("folder/a.txt").unlink(), "folder"),
        (lambda: Path("c.txt").write_text(""), "c.txt"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_an_output_that_differs_is_named(
    damage: Callable[[], object], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage()
    code, lines = run(capsys)
    assert code == 1
    assert lines[:2] == ["1 of 2 outputs on disk equal dvc.lock", f"  differs: {named}"]
    assert lines[-2:] == ["1 of 2 deterministic outputs equal the committed hashes", f"  differs: {named}"]


@pytest.mark.usefixtures("repository")
def test_a_run_that_gives_other_bytes_is_told_from_damage(capsys: pytest.CaptureFixture[str]) -> None:
    Path("dvc.yaml").write_text(DVC_YAML.replace("echo c", "echo d"))
    call("dvc", "repro")
    code, lines = run(capsys)
    assert code == 0
    assert lines[-2:] == ["1 of 2 deterministic outputs equal the committed hashes", "  differs: c.txt"]


@pytest.mark.usefixtures("repository")
def test_what_is_not_there_is_counted_and_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.txt").unlink()
    find_object("a\n").unlink()
    assert run(capsys) == (
        0,
        [
            "1 of 1 outputs on disk equal dvc.lock; 1 more are not there",
            "3 of 3 objects in DVC's cache have the content that their names say; 1 more are not there",
            "1 of 1 deterministic outputs equal the committed hashes; 1 more are not there",
        ],
    )


@pytest.mark.usefixtures("repository")
def test_a_lock_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["verify"])
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {")
    with pytest.raises(ValueError, match=r"dvc\.lock is empty or broken"):
        verify.main()
