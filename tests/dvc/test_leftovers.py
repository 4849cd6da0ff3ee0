"""Files that a killed DVC command leaves do not stop later commands, with the patches of DVC or without them."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.dvc.leftovers import clear_leftovers, drop_ended_holders
from pipeline.dvc.repo import ReproStatus, read_graph_and_status, reproduce
from pipeline.dvc.worker import WorkerPool
from stages.common.artifacts import atomic_path

DVC_YAML = """
stages:
  first:
    cmd: echo made > one.txt && mkdir -p models && echo made > models/two.txt
    deps: [input.txt]
    outs: [one.txt, models]
"""
TEMPORARY = ".-0123456789abcdefghi_k.tmp"
LONG_AGO = 1_000_000_000.0


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool() as started:
        yield started


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: WorkerPool) -> Path:
    """Work in a repository whose stage has run and whose outputs are lost; return its entry in the run-cache."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    Path("dvc.yaml").write_text(DVC_YAML)
    Path("input.txt").touch()
    assert reproduce(pool, "first", print, {}).status is ReproStatus.RAN
    for path in ("one.txt", "models/two.txt", "dvc.lock"):
        Path(path).unlink()
    Path("models").rmdir()
    (found,) = Path(".dvc/cache/runs").glob("*/*/*")
    return found


def rename_to_temporary(entry: Path) -> None:
    """Leave the temporary file of a run-cache entry, as a kill before DVC's rename does."""
    text = entry.read_text()
    entry.unlink()
    (entry.parent / TEMPORARY).write_text(text.partition("- path: one.txt")[0])


def replace_by_folder(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "an empty folder": lambda entry: entry.unlink(),
    "an unfinished file alone": rename_to_temporary,
    "an unfinished file that is newer": lambda entry: (entry.parent / TEMPORARY).touch(),
    "an empty file": lambda entry: entry.write_bytes(b""),
    "bytes that are no text": lambda entry: entry.write_bytes(b"\xff\xfe\x00"),
    "text that is no mapping": lambda entry: entry.write_text("- 1\n- 2\n"),
    "a folder in its place": replace_by_folder,
    "one output less": lambda entry: entry.write_text(entry.read_text().partition("- path: one.txt")[0]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_entry_of_the_run_cache_that_is_not_whole_counts_as_none(
    damage: str, entry: Path, pool: WorkerPool
) -> None:
    is_whole = damage == "an unfinished file that is newer"
    DAMAGES[damage](entry)
    result = reproduce(pool, "first", print, {})
    assert result.status is (ReproStatus.RESTORED if is_whole else ReproStatus.RAN), result.reason
    assert Path("one.txt").read_text() == Path("models/two.txt").read_text() == "made\n"


def test_an_entry_of_the_run_cache_that_is_cut_anywhere_counts_as_none(entry: Path, pool: WorkerPool) -> None:
    content = entry.read_bytes()
    for size in range(0, len(content), 23):
        entry.write_bytes(content[:size])
        assert reproduce(pool, "first", print, {}).status is ReproStatus.RAN
        for path in ("one.txt", "dvc.lock"):
            Path(path).unlink()


@pytest.mark.parametrize("damage", ["an empty folder", "an unfinished file alone", "an empty file"])
def test_without_the_changes_to_dvc_a_flow_clears_them_first(
    damage: str, entry: Path, pool: WorkerPool
) -> None:
    DAMAGES[damage](entry)
    read_graph_and_status(pool)
    result = reproduce(pool, "first", print, {"COMPARISON_DVC_UNPATCHED": "1"})
    assert result.status is ReproStatus.RAN, result.reason


@pytest.mark.parametrize("unpatched", ["", "1"])
@pytest.mark.parametrize("mode", ["write", "read"])
def test_a_process_id_that_repeats_blocks_nothing(
    mode: str, unpatched: str, entry: Path, pool: WorkerPool
) -> None:
    # This process is younger than the file, as every process in a restarted container is.
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    path = Path(".dvc/tmp/rwlock")
    path.write_text(
        json.dumps({mode: {str(Path("one.txt").resolve()): holder if mode == "write" else [holder]}})
    )
    os.utime(path, (LONG_AGO, LONG_AGO))
    environment = {"COMPARISON_DVC_UNPATCHED": unpatched} if unpatched else {}
    if unpatched:
        read_graph_and_status(pool)
    result = reproduce(pool, "first", print, environment)
    assert result.status is ReproStatus.RESTORED, result.reason


def test_holders_that_have_ended_are_dropped_and_others_stay() -> None:
    now, mine = time.time(), os.getpid()
    gone = max(psutil.pids()) + 1_000_000
    lock = {
        "write": {"a": {"pid": gone, "cmd": "x"}, "b": {"pid": mine, "cmd": "x"}},
        "read": {
            "c": [{"pid": gone, "cmd": "x"}, {"pid": mine, "cmd": "x"}],
            "d": [{"pid": gone, "cmd": "x"}],
        },
    }
    assert drop_ended_holders(lock, now)
    assert lock == {"write": {"b": {"pid": mine, "cmd": "x"}}, "read": {"c": [{"pid": mine, "cmd": "x"}]}}
    assert not drop_ended_holders(lock, now)
    assert drop_ended_holders(lock, LONG_AGO)
    assert lock == {"write": {}, "read": {}}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"write": {"a": 1}}', '{"read": null}', "\x00"])
def test_an_rwlock_that_cannot_be_read_is_removed(content: str, tmp_path: Path) -> None:
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    clear_leftovers(tmp_path, tmp_path / ".dvc/cache")
    assert not path.exists()


def test_an_rwlock_cut_anywhere_is_removed(tmp_path: Path) -> None:
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    whole = json.dumps({"write": {"/a/b": holder}, "read": {"/c": [holder]}})
    for size in range(len(whole)):
        path.write_text(whole[:size])
        clear_leftovers(tmp_path, tmp_path / ".dvc/cache")
        assert not path.exists()
    path.write_text(whole)
    clear_leftovers(tmp_path, tmp_path / ".dvc/cache")
    assert path.read_text() == whole


def test_temporary_files_of_killed_processes_are_removed_and_those_in_use_stay(tmp_path: Path) -> None:
    cache = tmp_path / ".dvc/cache"
    dead = [
        tmp_path / "models/.sngan-A-0.unfinished/manifest.json",
        tmp_path / "results/train/sngan-A-0/.metrics.jsonl.abc.unfinished",
        tmp_path / "results/train/sngan-A-0" / TEMPORARY,
        cache / "files/md5/ab" / TEMPORARY,
        cache / "runs/ab/abc" / TEMPORARY,
    ]
    kept = [tmp_path / "models/sngan-A-0/.hidden", cache / "files/md5/ab/cdef", cache / "runs/cd/cde/f"]
    for path in dead + kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    with atomic_path(tmp_path / "report/index.html") as in_use:
        clear_leftovers(tmp_path, cache)
        in_use.write_text("whole")
    assert not any(path.exists() for path in dead)
    assert not (cache / "runs/ab/abc").exists()
    assert all(path.exists() for path in kept)
    assert (tmp_path / "report/index.html").read_text() == "whole"


def test_in_a_shared_cache_what_is_new_may_be_in_use(tmp_path: Path) -> None:
    repository, cache = tmp_path / "repository", tmp_path / "shared"
    young, old = cache / "files/md5/ab" / TEMPORARY, cache / "files/md5/cd" / TEMPORARY
    for path in (young, old):
        path.parent.mkdir(parents=True)
        path.touch()
    os.utime(old, (LONG_AGO, LONG_AGO))
    clear_leftovers(repository, cache)
    assert young.exists() and not old.exists()
