"""The fingerprint of the user's files: which changes it detects, and which files are read again."""

import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stages.common.artifacts import DATA_SOURCE, hash_file
from stages.fingerprints import fingerprint, known_files
from stages.fingerprints.fingerprint import fingerprint_files
from stages.source.__main__ import main

Change = Callable[[Path], object]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with two class folders and a zip, all written a minute ago."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/deep/2.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"the content of {name}")
    with zipfile.ZipFile(folder / "birds.zip", "w") as archive:
        archive.writestr("bird/1.png", "a bird")
    age(folder)
    return folder


def age(folder: Path) -> None:
    """Set the modification times of all files back by a minute."""
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - 60,) * 2)


def replace(path: Path, text: str) -> None:
    """Replace a file by one of the same size and time of modification, as `rsync --times` or `cp -p` may."""
    state = path.stat()
    text = text.ljust(state.st_size)[: state.st_size]
    path.with_name("new").write_text(text)
    os.utime(path.with_name("new"), ns=(state.st_atime_ns, state.st_mtime_ns))
    path.with_name("new").replace(path)


def rewrite(path: Path, text: str) -> None:
    """Overwrite a file, and restore its time of modification."""
    state = path.stat()
    text = text.ljust(state.st_size)[: state.st_size]
    path.write_text(text)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def add_to_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("bird/2.png", "another bird")


def swap(first: Path, second: Path) -> None:
    first.rename(first.with_name("kept"))
    second.rename(first)
    first.with_name("kept").rename(second)


def link_elsewhere(folder: Path) -> None:
    other = folder.with_name("other")
    shutil.copytree(folder / "cat", other)
    (folder / "horse").symlink_to(other)


def touch_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path)


def copy_over(folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)


CHANGES: dict[str, Change] = {
    "added": lambda folder: (folder / "cat/3.png").write_text("new"),
    "removed": lambda folder: (folder / "cat/2.png").unlink(),
    "renamed": lambda folder: (folder / "cat/2.png").rename(folder / "cat/3.png"),
    "moved to another class": lambda folder: (folder / "cat/2.png").rename(folder / "dog/2.png"),
    "class renamed": lambda folder: (folder / "cat").rename(folder / "kitten"),
    "two files swapped": lambda folder: swap(folder / "cat/1.png", folder / "dog/1.png"),
    "replaced, same size and time": lambda folder: replace(folder / "cat/1.png", "another one of cat/1.png"),
    "rewritten, same size and time": lambda folder: rewrite(folder / "cat/1.png", "another one of cat/1.png"),
    "emptied": lambda folder: (folder / "cat/1.png").write_text(""),
    "file of a zip added": lambda folder: add_to_zip(folder / "birds.zip"),
    "link to a folder added": link_elsewhere,
    "link to its own folder added": lambda folder: (folder / "again").symlink_to(folder / "cat"),
    "deep file added": lambda folder: (folder / "dog/deep/3.png").write_text("new"),
    "pipe added": lambda folder: os.mkfifo(folder / "cat/3.png"),
    "link to nothing added": lambda folder: (folder / "cat/3.png").symlink_to("nowhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_names_or_contents_changes_it(photos: Path, change: Change) -> None:
    before = fingerprint_files(photos, "prepare.path")
    assert fingerprint_files(photos, "prepare.path") == before
    change(photos)
    after = fingerprint_files(photos, "prepare.path")
    assert after.sha256 != before.sha256
    # The result does not depend on the stored fingerprints either.
    shutil.rmtree(known_files.FOLDER)
    assert fingerprint_files(photos, "prepare.path") == after


SAME: dict[str, Change] = {
    "nothing": lambda folder: None,
    "new times": touch_all,
    "rewritten with the same content": lambda folder: (folder / "cat/1.png").write_bytes(
        (folder / "cat/1.png").read_bytes()
    ),
    "copied over": copy_over,
    "hidden files": lambda folder: (folder / "cat/.DS_Store").write_text("new"),
    "a folder that an operating system adds": lambda folder: shutil.copytree(
        folder / "cat", folder / "__MACOSX"
    ),
    "the record is damaged": lambda folder: [path.write_text("{") for path in known_files.FOLDER.iterdir()],
    "the record is of another form": lambda folder: [
        path.write_text('{"cat/1.png": [1, 2], "dog/1.png": null}') for path in known_files.FOLDER.iterdir()
    ],
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_same_names_and_contents_have_the_same_one(photos: Path, change: Change) -> None:
    before = fingerprint_files(photos, "prepare.path")
    change(photos)
    assert fingerprint_files(photos, "prepare.path") == before


def test_it_is_the_same_at_another_place_and_by_a_link(photos: Path) -> None:
    before = fingerprint_files(photos, "prepare.path")
    shutil.copytree(photos, "elsewhere")
    Path("link").symlink_to("elsewhere")
    assert (
        fingerprint_files(Path("elsewhere"), "prepare.path")
        == fingerprint_files(Path("link"), "prepare.path")
        == before
    )


def test_only_what_has_changed_is_read_again(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "UNCERTAIN_NANOSECONDS", -(10**18))
    read: list[str] = []

    def record_and_hash(path: Path) -> str:
        read.append(path.name)
        return hash_file(path)

    monkeypatch.setattr(fingerprint, "hash_file", record_and_hash)
    fingerprint_files(photos, "prepare.path")
    assert sorted(read) == ["1.png", "1.png", "2.png", "2.png", "birds.zip"]
    read.clear()
    fingerprint_files(photos, "prepare.path")
    assert not read
    (photos / "dog/1.png").touch()
    (photos / "dog/3.png").touch()
    fingerprint_files(photos, "prepare.path")
    assert sorted(read) == ["1.png", "3.png"]


def test_a_file_that_has_only_just_been_written_is_read_again(photos: Path) -> None:
    """A next change may get the same time, because a file system's clock has coarse ticks."""
    before = fingerprint_files(photos, "prepare.path")
    (record,) = known_files.FOLDER.iterdir()
    # This file has the same times with its next content.
    content = json.loads(record.read_text())
    (photos / "cat/1.png").write_text("another one of cat/1.png")
    state = (photos / "cat/1.png").stat()
    content["cat/1.png"][1:4] = [state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    record.write_text(json.dumps(content))
    assert fingerprint_files(photos, "prepare.path") != before


def test_a_single_file_is_its_content_wherever_it_lies(photos: Path) -> None:
    first = fingerprint_files(photos / "birds.zip", "prepare.path")
    shutil.copy(photos / "birds.zip", "others.zip")
    assert fingerprint_files(Path("others.zip"), "prepare.path") == first
    add_to_zip(Path("others.zip"))
    assert fingerprint_files(Path("others.zip"), "prepare.path") != first


def test_names_that_are_no_utf8_count(photos: Path) -> None:
    before = fingerprint_files(photos, "prepare.path")
    name = Path(os.fsdecode(b"cat/\xff\xe9.png"))
    (photos / name).write_text("new")
    after = fingerprint_files(photos, "prepare.path")
    assert fingerprint_files(photos, "prepare.path") == after != before
    (photos / name).rename(photos / os.fsdecode(b"cat/\xfe\xe9.png"))
    assert fingerprint_files(photos, "prepare.path") not in (before, after)


def run(path: str | None, dataset: str = "image_folder") -> dict[str, object]:
    Path("params.yaml").write_text(
        yaml.safe_dump({"prepare": {"dataset": dataset, "path": path, "image_size": 8}})
    )
    main()
    record: dict[str, object] = json.loads(DATA_SOURCE.read_text())
    return record


def test_a_published_data_set_has_no_files_to_compare(photos: Path) -> None:
    assert run(None, "digits") == {"dataset": "digits", "files": None}


def test_images_that_are_gone_leave_the_former_fingerprint(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run("photos")
    photos.rename("gone")
    assert run("photos") == before
    assert "source: prepare.path = 'photos' does not exist" in capsys.readouterr().err
    with pytest.raises(ValueError, match="prepare.path = 'photos' does not exist"):
        run("photos", "cifar10")
    DATA_SOURCE.unlink()
    with pytest.raises(ValueError, match="prepare.path = 'photos' does not exist"):
        run("photos")


def test_a_pipe_or_a_device_is_refused_without_opening_it(photos: Path) -> None:
    os.mkfifo("pipe")
    for path in ("pipe", "/dev/zero"):
        with pytest.raises(ValueError, match="is neither a file nor a folder"):
            run(path)
