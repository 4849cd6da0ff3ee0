"""Fixtures with a finished comparison, and the order in which tests run."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.driving import call, commit, thread_count_kept, working_copy

OUTPUT = "output.txt"
FIRST_FILE = "test_end_to_end.py"

# Property tests try the same few inputs in every run; `pytest --hypothesis-profile thorough` tries a thousand new ones.
settings.register_profile("few", max_examples=25, derandomize=True, deadline=None, database=None)
settings.register_profile("thorough", max_examples=1000, deadline=None, database=None, print_blob=True)
settings.load_profile("few")


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of test processes: one more than there are cores, since slow tests often wait for servers.

    With two more, Prefect's server cannot keep up with its own schedule, and reports that its database is locked.
    """
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first, so that no slow test runs alone at the end.

    The first process makes the finished comparison, which takes a minute; until then the others have tests without it.
    """
    slow = [item for item in items if item.get_closest_marker("slow")]
    # The order within a file stays.
    others = {item.path for item in slow if "finished_comparison" not in getattr(item, "fixturenames", ())}

    def rank(item: pytest.Item) -> int:
        if item.get_closest_marker("slow") is None:
            return 3
        return 0 if item.path.name == FIRST_FILE else 1 if item.path in others else 2

    items.sort(key=rank)


def build_once(folder: Path, build: Callable[[Path], object]) -> Path:
    """Build a folder unless another process of this test run has done so."""
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            build(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return the folder that all processes of this test run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


def create_prefect_database(home: Path) -> None:
    """Create Prefect's database as `make reproduce` does, so that not every test that runs a flow waits for it."""
    home.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_API_URL", "PREFECT_API_DATABASE_CONNECTION_URL"):
            patch.delenv(name, raising=False)
        call(
            sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes", PREFECT_HOME=str(home)
        )


@pytest.fixture(scope="session")
def finished_comparison(shared_folder: Path) -> Path:
    """Return a repository in which `dvc repro` has run: two GANs on digits under setting A. No test changes it."""

    def build(folder: Path) -> None:
        with working_copy(folder, lambda params: params.update(settings_used=["A"])):
            # Git ignores this folder.
            (folder / ".dvc/tmp" / OUTPUT).write_text(call("dvc", "repro"), encoding="utf-8")
            commit("run")
            create_prefect_database(folder / ".prefect")

    return build_once(shared_folder / "finished", build)


@pytest.fixture
def own_folder_and_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the test in an empty folder; restore torch's number of threads, which stages change, at the end."""
    monkeypatch.chdir(tmp_path)
    with thread_count_kept():
        yield


@pytest.fixture
def repository(finished_comparison: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the finished repository, and go to the copy."""
    folder = tmp_path / "repository"
    shutil.copytree(finished_comparison, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder
