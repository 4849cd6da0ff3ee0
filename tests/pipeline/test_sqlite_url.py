"""SQLAlchemy finds an SQLite file by its address, whatever characters the file's path has."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pipeline.sqlite_url import make_sqlite_url, read_sqlite_url

NAMES = [
    "plain",
    "what? now",
    "a?b=c&d",
    "issue #1",
    "100%",
    "%3F%23",
    "a@b:c",
    "a=b&c",
    "two words",
    "café [1]",
    "quo'te\"s",
    "semi;colon",
    "back\\slash",
    "file:x",
    "+plus+",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_inside", [True, False])
def test_an_address_leads_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_inside: bool
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    # MLflow's embedded store and Prefect's database are below the working folder; PREFECT_HOME may be elsewhere.
    monkeypatch.chdir(folder if is_inside else tmp_path)
    path = folder / "x.db"
    url = make_sqlite_url(path)
    with create_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    assert path.stat().st_size > 0
    assert [found.name for found in tmp_path.iterdir()] == [name]
    assert [found.name for found in folder.iterdir()] == ["x.db"]
    read = read_sqlite_url(url)
    assert read is not None and read.resolve() == path.resolve()


def test_ordinary_paths_stay_legible() -> None:
    assert make_sqlite_url(Path("/a/b c/x.db"), "sqlite+aiosqlite") == "sqlite+aiosqlite:////a/b c/x.db"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///"])
def test_a_database_in_memory_has_no_file(url: str) -> None:
    assert read_sqlite_url(url) is None
