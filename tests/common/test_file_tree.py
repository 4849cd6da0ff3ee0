"""Folders of files: which are listed, which are skipped with a note, and which are refused without blocking."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stages.common.file_tree import (
    UnreadableFile,
    describe_passed_over,
    format_faults,
    list_folder,
    read_file,
    show_path,
)
from stages.common.image_listing import list_images

NOBODY = 65534


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Run the test as a user to whom file permissions apply, even if it is started by root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(0o755)
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a/0.txt").write_text("zero")
    return folder


def listed(folder: Path) -> list[str]:
    return ["/".join(file.parts) for file in list_folder(folder).files]


def test_files_are_listed_in_order_through_links(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.txt").touch()
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    (folder / "a/2.txt").symlink_to(folder / "a/0.txt")
    assert listed(folder) == ["a/0.txt", "a/2.txt", "b/1.txt"]


def test_hidden_files_and_loops_are_passed_over_and_counted(folder: Path) -> None:
    (folder / "a/loop").symlink_to(folder)
    for name in (".DS_Store", ".git", "__MACOSX"):
        (folder / name).mkdir()
        (folder / name / "x").touch()
    tree = list_folder(folder)
    assert [file.parts for file in tree.files] == [("a", "0.txt")]
    assert "3 hidden (.DS_Store, ...)" in describe_passed_over(tree.passed_over)
    assert "1 a link to a folder that contains it (loop)" in describe_passed_over(tree.passed_over)


def test_folders_that_link_to_each_other_end_and_are_named(folder: Path) -> None:
    (folder / "b").mkdir()
    (folder / "a/to_b").symlink_to(folder / "b")
    (folder / "b/to_a").symlink_to(folder / "a")
    with pytest.raises(ValueError, match="the same folder as .*; its files would count twice"):
        list_folder(folder)


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400])
def test_a_folder_that_may_not_be_listed_or_entered_is_named(folder: Path, mode: int) -> None:
    (folder / "a").chmod(mode)
    with ordinary_user(), pytest.raises(ValueError, match="folder/a.*: Permission denied"):
        list_folder(folder)
    (folder / "a").chmod(0o755)


def test_a_file_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "a/0.txt").chmod(0)
    with ordinary_user(), pytest.raises(ValueError, match="0.txt: Permission denied"):
        list_images(folder)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(path.parent)
        server.bind(path.name)
        os.chdir(before)


def make_link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_broken_link(path: Path) -> None:
    path.symlink_to("nowhere")


def make_circle(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_pipe, "a named pipe"),
        (make_socket, "a socket"),
        (make_link_to_device, "a device"),
        (make_broken_link, "a link that leads nowhere"),
        (make_circle, "Too many levels of symbolic links"),
    ],
)
@pytest.mark.parametrize("name", ["x.png", "x"])
def test_what_is_no_file_is_named_and_never_waited_for(
    folder: Path, make: Callable[[Path], None], reason: str, name: str
) -> None:
    make(folder / "a" / name)
    with pytest.raises(ValueError, match=f"folder/a/{name}: {reason}"):
        list_folder(folder)
    with pytest.raises(UnreadableFile, match="x"):
        read_file(folder / "a" / name)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
@pytest.mark.parametrize("file", ["status", "mem", "environ"])
def test_files_of_the_system_that_have_no_size_are_not_read(folder: Path, file: str) -> None:
    (folder / "x.png").symlink_to(f"/proc/self/{file}")
    with pytest.raises(UnreadableFile, match="x.png: it is empty"):
        read_file(folder / "x.png")
    assert read_file(folder / "x.png", 32) == b""


def test_names_that_no_terminal_can_show_are_escaped(folder: Path) -> None:
    for name in (b"f\xe9e.txt", b"line\nbreak.txt", b"\x1b[31mred.txt"):
        (folder / os.fsdecode(name)).touch()
    shown = [file.where.rpartition("/")[2] for file in list_folder(folder).files]
    assert sorted(shown) == ["0.txt", r"\x1b[31mred.txt", r"f\xe9e.txt", r"line\nbreak.txt"]
    assert show_path("chêne/木.png") == "chêne/木.png"


def test_an_error_names_the_first_faults_and_counts_the_others() -> None:
    lines = format_faults("title", [str(number) for number in range(50)]).splitlines()
    assert (lines[0], lines[1], lines[-1], len(lines)) == ("title:", "  - 0", "  - and 30 more", 22)
